//! The origin that the requests of one client's connection go to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::uri;
use http_body::Body;

use super::destination::Destination;
use super::http2_lease::Http2Lease;
use crate::proxy::body::request::{RequestBody, is_repeatable};

/// An origin (RFC 9110 §4.3.1), and the connections by which one client's requests go on to it.
#[derive(Debug)]
pub(in crate::proxy) struct Origin {
    /// Host and port, as a URL has them.
    pub(in crate::proxy) uri_authority: uri::Authority,
    pub(super) destination: Arc<Destination>,
    /// The same, where they speak HTTP/2.
    pub(super) http2: Http2Lease,
    /// A request of this client's connection has been answered.
    has_served: AtomicBool,
}

impl Origin {
    pub(super) fn new(destination: Arc<Destination>, uri_authority: uri::Authority) -> Self {
        Self {
            uri_authority,
            http2: Http2Lease::new(&destination),
            destination,
            has_served: AtomicBool::new(false),
        }
    }

    /// Whether a request may go out on a connection that another client has used: it may turn out
    /// to be closed, and then the request is sent again, which one that changes something must not
    /// be (RFC 9110 §9.2.2). A client's own connection may close under its requests as well; a new
    /// one does not, so its first request goes out on a new one.
    pub(super) fn may_reuse(&self, parts: &Parts, body: &RequestBody) -> bool {
        let repeats = || parts.method.is_idempotent() && is_repeatable(parts, body.is_end_stream());
        self.has_served.load(Ordering::Relaxed) || repeats()
    }

    /// A response has come.
    pub(super) fn note_response(&self) {
        self.has_served.store(true, Ordering::Relaxed);
    }
}
