//! What has to be known of a request before it can be signed anew: for what the client has signed
//! it, and what its body hashes to.
//!
//! A client that says the hash of its body (`x-amz-content-sha256`, as for S3) streams it. The
//! others' bodies are held to be hashed, up to a bound. They are read as they would be to be sent:
//! searched for the placeholder, and kept to be sent again if they are small.

use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::credential::signature::{CONTENT_SHA256, NotSignable, Scope, hash_of};
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{MAX_SIGNED_BODY, SIGNED_BODY_TIMEOUT};
use crate::proxy::refusal::Refusal;
use crate::proxy::upstream::error;

/// What a signature is made from, beside the request's head and the key.
#[derive(Debug)]
pub(super) struct Signing {
    pub(super) scope: Scope,
    /// The hash of the body; `None` if the head says it.
    pub(super) body: Option<String>,
}

impl Signing {
    /// Reads the client's signature, before it is removed, and the body if it has to be held.
    pub(super) async fn of(
        parts: &Parts,
        body: RequestBody,
        progress: &UploadProgress,
    ) -> Result<(Self, RequestBody), Refusal> {
        let scope = Scope::of(parts)?;
        if parts.headers.contains_key(CONTENT_SHA256) {
            return Ok((Self { scope, body: None }, body));
        }
        let collected = Limited::new(body, MAX_SIGNED_BODY).collect();
        let Ok(collected) = timeout(SIGNED_BODY_TIMEOUT, Box::pin(collected)).await else {
            return Err(NotSignable::TooSlow.into());
        };
        let whole = collected.map_err(|cause| {
            if cause.is::<LengthLimitError>() {
                Refusal::from(NotSignable::TooLarge)
            } else {
                error::of_upload(progress).unwrap_or(Refusal::Abandoned)
            }
        })?;
        let trailers = whole.trailers().cloned();
        let held = whole.to_bytes();
        let body = Some(hash_of([&*held]));
        Ok((Self { scope, body }, RequestBody::held(held, trailers)))
    }
}
