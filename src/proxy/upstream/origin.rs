//! The origin that the requests of one client's connection go to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::uri;
use http_body::Body;

use super::destination::Destination;
use super::http2_lease::Http2Lease;
use crate::defence::Defence;
use crate::proxy::body::request::{RequestBody, is_repeatable};

/// An origin (RFC 9110 §4.3.1), and the connections on which one client's requests are sent to it.
#[derive(Debug)]
pub(in crate::proxy) struct Origin {
    /// Host and port, as in a URL: without the default port.
    pub(in crate::proxy) uri_authority: uri::Authority,
    pub(super) destination: Arc<Destination>,
    /// The connection for requests over HTTP/2.
    pub(super) http2: Http2Lease,
    /// Whether a request on this client's connection has had a response.
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

    /// Whether a request may be sent on a connection that another client has used. Such a
    /// connection may turn out to be closed. The request must then be sent again, which is not
    /// allowed for one that is not idempotent (RFC 9110 §9.2.2). After its first response, a client
    /// expects its connection to be reused and takes that risk itself. A new connection has no such
    /// risk, so the client's first request is sent on a new one, unless it can be sent again.
    pub(super) fn may_reuse(&self, parts: &Parts, body: &RequestBody) -> bool {
        let repeats = || parts.method.is_idempotent() && is_repeatable(parts, body.is_end_stream());
        self.has_served.load(Ordering::Relaxed) || repeats() || !Defence::FreshConnections.stands()
    }

    /// Records that a response has come.
    pub(super) fn note_response(&self) {
        self.has_served.store(true, Ordering::Relaxed);
    }
}
