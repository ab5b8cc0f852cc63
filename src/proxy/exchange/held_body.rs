//! A request's body that is read before it is sent.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use tokio::time::timeout;

use super::attempt::Attempt;
use crate::connection::CredentialSource;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{INSPECTED_BODY_TIMEOUT, MAX_HELD_BODY};
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::named_field::may_have_fields;
use crate::proxy::upstream::error;

impl<S: CredentialSource> Attempt<'_, S> {
    /// Whether the body may have fields, and says that it is no larger than what is held in any
    /// case.
    pub(super) fn is_small_form(&self) -> bool {
        let length = self.body.as_ref().and_then(|body| body.size_hint().exact());
        length.is_some_and(|length| length > 0 && length <= MAX_HELD_BODY as u64)
            && may_have_fields(&self.parts.headers)
    }

    /// A small body with its trailers, once all of it is there.
    pub(super) async fn held(
        &self,
        body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<RequestBody, Refusal> {
        let collected = self.collected(body, progress, MAX_HELD_BODY).await?;
        let collected = collected.unwrap_or_default();
        let trailers = collected.trailers().cloned();
        Ok(RequestBody::held(collected.to_bytes(), trailers))
    }

    /// The whole body; `None` if it is larger than `most` bytes.
    pub(super) async fn whole(
        &self,
        body: RequestBody,
        progress: &UploadProgress,
        most: usize,
    ) -> Result<Option<Bytes>, Refusal> {
        let collected = self.collected(body, progress, most).await?;
        Ok(collected.map(Collected::to_bytes))
    }

    /// The same with its trailers.
    async fn collected(
        &self,
        body: RequestBody,
        progress: &UploadProgress,
        most: usize,
    ) -> Result<Option<Collected<Bytes>>, Refusal> {
        let collected = Limited::new(body, most).collect();
        let Ok(collected) = timeout(INSPECTED_BODY_TIMEOUT, collected).await else {
            return Err(Refusal::Abandoned);
        };
        match collected {
            Ok(whole) => Ok(Some(whole)),
            Err(cause) if cause.is::<LengthLimitError>() => Ok(None),
            Err(_) => Err(error::of_upload(progress).unwrap_or(Refusal::Abandoned)),
        }
    }
}
