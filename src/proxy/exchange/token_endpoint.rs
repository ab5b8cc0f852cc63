//! The OAuth endpoints of a connection's host, as the child itself uses them: no token of their
//! answers reaches it, and the placeholders that it got for others become tokens again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::attempt::{Attempt, Outcome};
use super::mint::Mint;
use super::response_body::BodyStart;
use crate::connection::CredentialSource;
use crate::content_coding;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{MAX_TOKEN_REQUEST, MAX_TOKEN_RESPONSE, TOKEN_RESPONSE_TIMEOUT};
use crate::proxy::policy::route::Route;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::minted::{BodyKind, members_replaced, put_back};
use crate::proxy::rewrite::scrub::mints::NotReplaced;
use crate::proxy::rewrite::scrub::patterns::Fit;
use crate::proxy::upstream::body::UpstreamBody;

impl<S: CredentialSource> Attempt<'_, S> {
    /// The body of a request to an OAuth endpoint, with the secrets that the child has placeholders
    /// for.
    pub(super) async fn with_secrets(
        &mut self,
        body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        let owner = self.owner.or_else(|| self.place.candidates.first());
        let minted = self.session.scrubbing.minted();
        let (Some(minted), Some(route)) = (minted, owner) else {
            return Ok(body);
        };
        let (minted, _) = minted.split(&route.id);
        if body.is_end_stream() {
            return Ok(body);
        }
        let whole = self.whole(body, progress, MAX_TOKEN_REQUEST).await?;
        let whole = whole.ok_or(Refusal::Malformed(
            "the body of a request to an OAuth endpoint has more than 64 KiB",
        ))?;
        let Some(made) = put_back(&self.parts.headers, &whole, &minted) else {
            return Ok(RequestBody::held(whole, None));
        };
        set_length(&mut self.parts, made.len());
        Ok(RequestBody::held(Bytes::from(made), None))
    }

    /// The response of an OAuth endpoint without its tokens. A page for a person passes as it is.
    pub(super) async fn without_tokens(&mut self, outcome: Outcome) -> Result<Outcome, Refusal> {
        let Some(route) = self.owner.or_else(|| self.place.candidates.first()) else {
            return Ok(outcome);
        };
        let (mut head, mut body) = outcome.response.into_parts();
        let is_page = BodyKind::of(&head.headers, b"") == BodyKind::Page;
        let (response, start) = if body.is_end_stream() || is_page {
            (http::Response::from_parts(head, body), outcome.head)
        } else {
            let whole = timeout(TOKEN_RESPONSE_TIMEOUT, read(&mut body));
            let whole = whole
                .await
                .map_err(|_| self.unreadable("it took too long"))?;
            let whole = whole.map_err(|why| self.unreadable(why))?;
            let made = self.replaced(&mut head.headers, route, whole)?;
            (http::Response::from_parts(head, body), Some(Box::new(made)))
        };
        Ok(Outcome {
            response,
            head: start,
        })
    }

    fn replaced(
        &mut self,
        headers: &mut HeaderMap,
        route: &Arc<Route>,
        mut whole: BodyStart,
    ) -> Result<BodyStart, Refusal> {
        let plain = content_coding::decoded(headers, &whole.data, MAX_TOKEN_RESPONSE + 1);
        if plain.len() > MAX_TOKEN_RESPONSE {
            return Err(self.unreadable(TOO_LARGE));
        }
        let scrubbing = &self.session.scrubbing;
        let own = scrubbing.in_force().0.scrub(&plain, Fit::Exact);
        let text: &[u8] = own.as_deref().unwrap_or(&plain);
        let mint = Mint {
            scrubbing,
            route: Some(&**route),
        };
        let mut count = 0;
        let mut replace = |token: &str| {
            let made = mint.token(token)?;
            count += u64::from(made.is_some());
            Ok(made)
        };
        let kind = BodyKind::of(headers, text);
        let made = if text.is_empty() {
            Ok(Some(Vec::new()))
        } else {
            members_replaced(kind, text, &mut replace)
        };
        let made = made.map_err(|why: NotReplaced| self.unreadable(&why.to_string()))?;
        let made = made.ok_or_else(|| self.unreadable("it is neither JSON nor a form"))?;
        drop(plain);
        if count > 0 || own.is_some() || headers.contains_key(CONTENT_ENCODING) {
            headers.remove(CONTENT_ENCODING);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(made.len()));
            (whole.data, whole.trailers) = (Bytes::from(made), None);
        }
        self.entry.scrubbed(count);
        Ok(whole)
    }

    fn unreadable(&self, why: &str) -> Refusal {
        Refusal::UpstreamMalformed {
            host: self.place.authority.to_string(),
            reason: format!(
                "the tokens in the answer of its OAuth endpoint cannot be kept from the program: {why}; \
                 `--scrub off` passes it"
            ),
        }
    }
}

const TOO_LARGE: &str = "it has more than 256 KiB";

/// The whole body.
async fn read(body: &mut UpstreamBody) -> Result<BodyStart, &'static str> {
    let (mut data, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| "it broke off")?.into_data() {
            Ok(piece) => data.extend_from_slice(&piece),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        if data.len() > MAX_TOKEN_RESPONSE {
            return Err(TOO_LARGE);
        }
    }
    let data = data.freeze();
    Ok(BodyStart { data, trailers })
}

fn set_length(parts: &mut Parts, length: usize) {
    if parts.headers.contains_key(CONTENT_LENGTH) {
        let length = HeaderValue::from(length);
        parts.headers.insert(CONTENT_LENGTH, length);
    }
}
