//! Which refs a push names, noted for the log as it passes.

use http::Method;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::attempt::Attempt;
use crate::connection::CredentialSource;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::PUSH_LIST_TIMEOUT;
use crate::proxy::policy::git_push::{RefsReader, coding_of};
use crate::proxy::refusal::Refusal;
use crate::proxy::upstream::error;

/// The end of the path to which git pushes.
const SERVICE: &str = "/git-receive-pack";

impl<S: CredentialSource> Attempt<'_, S> {
    /// Whether git pushes with it. For what may be pushed every spelling counts
    /// ([`git_push::is_push`](crate::proxy::policy::git_push::is_push)); for the log, git's own is
    /// enough.
    pub(super) fn pushes(&self) -> bool {
        self.parts.method == Method::POST && self.parts.uri.path().ends_with(SERVICE)
    }

    /// A reader for the refs of a push; `None` if it is none that can be read.
    pub(super) fn refs_reader(&self) -> Option<RefsReader> {
        let coding = coding_of(&self.parts.headers).ok()?;
        Some(RefsReader::new(coding))
    }

    /// Notes the refs of a push. git sends their list first, and all at once, so nothing waits for
    /// what is not there; what cannot be read goes on all the same.
    pub(super) async fn note_refs(
        &mut self,
        mut body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        let Some(mut reader) = self.refs_reader() else {
            return Ok(body);
        };
        let mut held = Vec::new();
        while let Ok(Some(frame)) = timeout(PUSH_LIST_TIMEOUT, body.frame()).await {
            let frame =
                frame.map_err(|_| error::of_upload(progress).unwrap_or(Refusal::Abandoned))?;
            let Ok(data) = frame.into_data() else {
                break;
            };
            let goes_on = reader.feed(&data);
            held.push(data);
            if !goes_on {
                break;
            }
        }
        self.entry.pushes(reader);
        Ok(body.preceded_by(held))
    }
}
