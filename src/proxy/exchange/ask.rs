//! A request that waits for the user's yes. The request itself waits, with its body unread beyond
//! the part that is shown: a yes is about this request, and a changed one is another one.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::request::Parts;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::attempt::Attempt;
use crate::connection::CredentialSource;
use crate::os::process_tree::{SearchLimits, programs_of};
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{MAX_SHOWN_BODY, SEARCH_STEPS, SEARCH_TIME, SHOWN_BODY_TIMEOUT};
use crate::proxy::pending::{Decision, Parking, PendingKind, PendingRequest, ShownBody};
use crate::proxy::policy::asking::Asking;
use crate::proxy::refusal::{Denial, Refusal};
use crate::proxy::upstream::error;

impl<S: CredentialSource> Attempt<'_, S> {
    /// The body to be sent, once the user has said yes.
    pub(super) async fn ask(
        &self,
        asking: Asking,
        body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        let pending = &self.session.pending;
        if pending.is_allowed(&asking.subject) {
            return Ok(body);
        }
        let length = body.size_hint().exact();
        let (shown, is_whole, body) = beginning(body, progress).await?;
        let request = PendingRequest {
            rule: Some(asking.rule.clone()),
            exception: Some(asking.subject.clone()),
            sha256: Some(digest(
                &self.parts,
                self.place.origins.uri_authority().as_str(),
                &shown,
            )),
            body: Some(ShownBody {
                text: String::from_utf8_lossy(&shown).into_owned(),
                shown: shown.len() as u64,
                length: length.or(is_whole.then_some(shown.len() as u64)),
                is_whole,
            }),
            programs: programs(self.place.socket).await,
            ..self.as_pending(PendingKind::Decision, asking.reason.clone())
        };
        let subject = asking.subject.clone();
        let Some(placed) = pending.place(Parking { request, subject }) else {
            return Err(refused(
                format!(
                    "as many requests wait for the user's yes as may ({})",
                    asking.reason
                ),
                "send fewer of them at one time",
            ));
        };
        match self.while_waiting(placed.answer()).await {
            Some(Decision::Once | Decision::Run) => Ok(body),
            Some(Decision::No { reason }) if reason.is_empty() => Err(refused(
                format!("the user has said no ({})", asking.reason),
                "do not send it again: ask the user what to do instead",
            )),
            Some(Decision::No { reason }) => Err(refused(
                format!("the user has said no: {reason}"),
                "do not send it again: do what the reason says, or ask the user",
            )),
            None => Err(refused(
                format!("the user has not said yes in time ({})", asking.reason),
                "tell the user what waits for a yes, and send it again when they are there; `authsome status` shows what waits",
            )),
        }
    }
}

/// The programs that have sent the request, as the kernel tells.
async fn programs(socket: Option<u32>) -> Vec<String> {
    let Some(inode) = socket else {
        return Vec::new();
    };
    let limits = SearchLimits {
        deadline: std::time::Instant::now() + SEARCH_TIME,
        steps: SEARCH_STEPS,
    };
    let search = tokio::task::spawn_blocking(move || programs_of(inode, limits));
    search.await.unwrap_or_default()
}

fn refused(reason: String, hint: &str) -> Refusal {
    Refusal::Policy(Box::new(Denial {
        rule: "ask",
        reason,
        hint: hint.to_owned(),
    }))
}

/// The beginning of a body, whether that is all of it, and the body as it was.
async fn beginning(
    mut body: RequestBody,
    progress: &UploadProgress,
) -> Result<(Bytes, bool, RequestBody), Refusal> {
    if let RequestBody::Repeated { pieces, size, .. } = &body {
        let shown = first(pieces);
        let is_whole = shown.len() as u64 == *size;
        return Ok((shown, is_whole, body));
    }
    let deadline = Instant::now() + SHOWN_BODY_TIMEOUT;
    let (mut pieces, mut size, mut is_whole) = (Vec::new(), 0, body.is_end_stream());
    let mut trailers = None;
    while !is_whole && size < MAX_SHOWN_BODY {
        let Ok(frame) = timeout_at(deadline, body.frame()).await else {
            break; // what has come is shown
        };
        match frame.transpose() {
            Err(_) => return Err(error::of_upload(progress).unwrap_or(Refusal::Abandoned)),
            Ok(None) => is_whole = true,
            Ok(Some(frame)) => match frame.into_data() {
                Ok(data) => {
                    size += data.len();
                    pieces.push(data);
                    is_whole = body.is_end_stream();
                }
                Err(frame) => (trailers, is_whole) = (frame.into_trailers().ok(), true),
            },
        }
    }
    let shown = first(&pieces);
    is_whole &= shown.len() == size;
    let body = match trailers {
        Some(trailers) => RequestBody::Repeated {
            pieces: pieces.into(),
            size: size as u64,
            trailers: Some(trailers),
        },
        None => body.preceded_by(pieces),
    };
    Ok((shown, is_whole, body))
}

/// The part of the pieces that is shown.
fn first<'a>(pieces: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut shown = Vec::new();
    for piece in pieces {
        let room = MAX_SHOWN_BODY.saturating_sub(shown.len());
        shown.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }
    shown.into()
}

/// The SHA-256 of the head and of the shown part of the body, in hex. The parts are set apart by
/// line ends, which none of the head's can have.
fn digest(parts: &Parts, authority: &str, shown: &[u8]) -> String {
    let mut context = Context::new(&SHA256);
    let target = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    context.update(format!("{} https://{authority}{target}\n", parts.method).as_bytes());
    for (name, value) in &parts.headers {
        context.update(name.as_str().as_bytes());
        context.update(b": ");
        context.update(value.as_bytes());
        context.update(b"\n");
    }
    context.update(b"\n");
    context.update(shown);
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // a string takes all
            text
        })
}
