//! Interim responses (RFC 9110 §15.2), on their way from the provider to the client before the
//! final response.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use http::{HeaderMap, StatusCode};

use crate::proxy::rewrite::hop_by_hop;

/// Where the interim responses to one request go. They are dropped if the client supports none
/// (HTTP/1.0, and requests to the proxy itself).
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Interim(Option<Arc<Queue>>);

/// Takes out of the fields of a response what must not reach the client.
pub(in crate::proxy) trait FieldSearch: fmt::Debug + Send + Sync {
    fn search(&self, fields: &mut HeaderMap);
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Vec<(StatusCode, HeaderMap)>>,
    /// Whether something waits. Each request looks a few times, and seldom needs the lock.
    has_some: AtomicBool,
    /// Whether a 100 is forwarded as well.
    takes_continue: bool,
    search: OnceLock<Arc<dyn FieldSearch>>,
}

impl Interim {
    /// For a client that supports interim responses, which are read by [`Self::take`].
    /// `takes_continue` is `false` for HTTP/1.1, where the request's body sends the 100 itself.
    pub(in crate::proxy) fn queue(takes_continue: bool) -> Self {
        Self(Some(Arc::new(Queue {
            waiting: Mutex::default(),
            has_some: AtomicBool::new(false),
            takes_continue,
            search: OnceLock::new(),
        })))
    }

    /// From now on their fields are searched, too.
    pub(in crate::proxy) fn searched_by<S: FieldSearch + 'static>(&self, search: &Arc<S>) {
        let queue = self.0.as_ref();
        if let Some(queue) = queue.filter(|queue| queue.search.get().is_none()) {
            let _ = queue.search.set(Arc::<S>::clone(search)); // it is the session's
        }
    }

    /// Forwards an interim response, as a proxy must (RFC 9110 §15.2). Over HTTP/1.1, a 101 is not
    /// one of them, because it ends the exchange.
    pub(in crate::proxy) fn push(&self, status: StatusCode, mut fields: HeaderMap) {
        if let Some(queue) = &self.0
            // The 100 for an HTTP/1.1 client is sent when its body is first polled. The server's
            // own 100 would be a second one.
            && (status != StatusCode::CONTINUE || queue.takes_continue)
        {
            // As in any response, hop-by-hop fields are not forwarded (RFC 9110 §7.6.1).
            hop_by_hop::clean_response(&mut fields);
            if let Some(search) = queue.search.get() {
                search.search(&mut fields);
            }
            let mut waiting = queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((status, fields));
            queue.has_some.store(true, Ordering::Relaxed);
        }
    }

    /// Takes what has come since the last call.
    pub(in crate::proxy) fn take(&self) -> Vec<(StatusCode, HeaderMap)> {
        match &self.0 {
            Some(queue) if queue.has_some.swap(false, Ordering::Relaxed) => {
                std::mem::take(&mut *queue.waiting.lock().unwrap_or_else(PoisonError::into_inner))
            }
            _ => Vec::new(),
        }
    }
}
