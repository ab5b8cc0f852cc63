//! Interim responses (RFC 9110 §15.2), on their way from the provider to the client while the final one is waited for.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode};

use super::headers;

/// Where the interim responses to one request go; nowhere, if its client knows none (HTTP/1.0, and requests to the proxy itself).
#[derive(Clone, Debug, Default)]
pub(super) struct Interim(Option<Arc<Queue>>);

#[derive(Debug, Default)]
struct Queue(Mutex<Vec<(StatusCode, HeaderMap)>>);

impl Interim {
    /// For a client that takes them, by [`Self::take`].
    pub(super) fn queue() -> Self {
        Self(Some(Arc::default()))
    }

    /// RFC 9110 §15.2: a proxy must forward them, but 100, which it has asked for itself. A 101 is none of them.
    pub(super) fn push(&self, status: StatusCode, mut fields: HeaderMap) {
        if let Some(queue) = &self.0 {
            headers::clean_response(&mut fields);
            let mut queue = queue.0.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push((status, fields));
        }
    }

    /// What has come since the last time.
    pub(super) fn take(&self) -> Vec<(StatusCode, HeaderMap)> {
        self.0.as_ref().map_or_else(Vec::new, |queue| {
            std::mem::take(&mut *queue.0.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}
