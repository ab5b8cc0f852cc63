//! What has to be known of a request before it can be signed anew: for what the client has signed
//! it, and what its body hashes to.
//!
//! A client that says the hash of its body (`x-amz-content-sha256`, as for S3) streams it. The
//! others' bodies are held to be hashed, up to a bound.

use std::collections::VecDeque;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use crate::credential::signature::{CONTENT_SHA256, NotSignable, Scope, hash_of};
use crate::proxy::body::client::ClientBody;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{MAX_SIGNED_BODY, SIGNED_BODY_TIMEOUT};
use crate::proxy::refusal::Refusal;

/// What a signature is made from, beside the request's head and the key.
#[derive(Debug)]
pub(super) struct Signing {
    pub(super) scope: Scope,
    /// The hash of the body; `None` if the head says it.
    pub(super) body: Option<String>,
}

impl Signing {
    /// Reads the client's signature, before it is removed. Takes the body out if it has to be held.
    pub(super) async fn of(
        parts: &Parts,
        incoming: &mut Option<ClientBody>,
        progress: &UploadProgress,
    ) -> Result<(Self, Option<RequestBody>), Refusal> {
        let scope = Scope::of(parts)?;
        if parts.headers.contains_key(CONTENT_SHA256) {
            return Ok((Self { scope, body: None }, None));
        }
        let Some(client) = incoming.take() else {
            let body = Some(hash_of([]));
            return Ok((Self { scope, body }, None));
        };
        let collected = Limited::new(client, MAX_SIGNED_BODY).collect();
        let Ok(collected) = timeout(SIGNED_BODY_TIMEOUT, Box::pin(collected)).await else {
            return Err(Refusal::Abandoned);
        };
        let whole = collected.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                Refusal::from(NotSignable::TooLarge)
            } else {
                Refusal::Abandoned
            }
        })?;
        progress.end(true);
        let bytes = whole.to_bytes();
        let body = Some(hash_of([&*bytes]));
        Ok((Self { scope, body }, Some(held(bytes))))
    }
}

fn held(bytes: Bytes) -> RequestBody {
    if bytes.is_empty() {
        return RequestBody::Empty;
    }
    RequestBody::Repeated {
        size: bytes.len() as u64,
        pieces: VecDeque::from([bytes]),
        trailers: None,
    }
}
