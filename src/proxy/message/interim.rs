//! Interim responses (RFC 9110 §15.2), on their way from the provider to the client while the final
//! one is waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode};

use crate::proxy::rewrite::hop_by_hop;

/// Where the interim responses to one request go; nowhere, if its client knows none (HTTP/1.0, and
/// requests to the proxy itself).
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Interim(Option<Arc<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Vec<(StatusCode, HeaderMap)>>,
    /// Whether something waits: each request looks a few times, and seldom in need of the lock.
    has_some: AtomicBool,
    /// Whether 100 goes the same way.
    takes_continue: bool,
}

impl Interim {
    /// For a client that takes them, by [`Self::take`]. One of HTTP/1.1 gets its 100 from whoever
    /// reads its body.
    pub(in crate::proxy) fn queue(takes_continue: bool) -> Self {
        Self(Some(Arc::new(Queue {
            waiting: Mutex::default(),
            has_some: AtomicBool::new(false),
            takes_continue,
        })))
    }

    /// RFC 9110 §15.2: a proxy must forward them. A 101 is none of them.
    pub(in crate::proxy) fn push(&self, status: StatusCode, mut fields: HeaderMap) {
        if let Some(queue) = &self.0
            // An HTTP/1.1 client's 100 is sent where its body is first polled. The server's own
            // would be a second one.
            && (status != StatusCode::CONTINUE || queue.takes_continue)
        {
            // As of any response, the fields that are for one hop alone go no further (RFC 9110
            // §7.6.1).
            hop_by_hop::clean_response(&mut fields);
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((status, fields));
            queue.has_some.store(true, Ordering::Relaxed);
        }
    }

    /// What has come since the last time.
    pub(in crate::proxy) fn take(&self) -> Vec<(StatusCode, HeaderMap)> {
        match &self.0 {
            Some(queue) if queue.has_some.swap(false, Ordering::Relaxed) => {
                std::mem::take(&mut *queue.waiting.lock().unwrap_or_else(PoisonError::into_inner))
            }
            _ => Vec::new(),
        }
    }
}
