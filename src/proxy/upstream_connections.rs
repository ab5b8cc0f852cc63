//! The upstream connections that the requests of one client's connection go on by, apart by client certificate.
//!
//! A TLS connection is its certificate's from the handshake to its end. A request that went out on one of another account would be that
//! account's in the server's eyes (curl's CVE-2016-5420), so what is idle is kept apart as well. Where no connection has a certificate,
//! which is nearly everywhere, there is one set for all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http_body::Body;

use super::exchange::is_repeatable;
use super::http2_lease::Http2Lease;
use super::request_body::RequestBody;
use super::route::{Candidates, Route};
use super::target::Authority;
use super::upstream::{Destination, Scheme, Upstream};
use crate::tls::ClientCertificate;

/// Those that show one client certificate, or none.
#[derive(Debug)]
pub(super) struct UpstreamConnections {
    pub(super) destination: Arc<Destination>,
    /// The same, where they speak HTTP/2.
    pub(super) http2: Http2Lease,
    /// A request of this client's connection has been answered on one of them.
    pub(super) has_served: AtomicBool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct ByCertificate {
    without: UpstreamConnections,
    with: Box<[UpstreamConnections]>,
}

impl UpstreamConnections {
    fn new(destination: Arc<Destination>) -> Self {
        Self {
            http2: Http2Lease::new(&destination),
            destination,
            has_served: AtomicBool::new(false),
        }
    }

    /// Whether a request may go out on a connection that another client has used: it may turn out to be closed, and then the request is sent
    /// again, which one that changes something must not be (RFC 9110 §9.2.2). A client's own connection may close under its requests as
    /// well; a new one does not, so its first request goes out on a new one.
    pub(super) fn may_reuse(&self, parts: &Parts, body: &RequestBody) -> bool {
        let repeats = || parts.method.is_idempotent() && is_repeatable(parts, body.is_end_stream());
        self.has_served.load(Ordering::Relaxed) || repeats()
    }
}

impl ByCertificate {
    /// For requests to that place, which belong to these routes, if to any.
    pub(super) fn new(
        authority: &Authority,
        scheme: Scheme,
        candidates: &Candidates,
        upstream: &Upstream,
    ) -> Self {
        let connections = |certificate: Option<&Arc<ClientCertificate>>| {
            UpstreamConnections::new(upstream.destination(authority, scheme, certificate))
        };
        let mut with: Vec<UpstreamConnections> = Vec::new();
        for route in candidates.iter() {
            let certificate = route.client_certificate.as_ref();
            let is_known = |known: &UpstreamConnections| known.destination.shows(certificate);
            if certificate.is_some() && !with.iter().any(is_known) {
                with.push(connections(certificate));
            }
        }
        Self {
            without: connections(None),
            with: with.into(),
        }
    }

    /// For a request that belongs to that route. One that belongs to none shows no certificate: it would be a credential.
    pub(super) fn of(&self, owner: Option<&Arc<Route>>) -> &UpstreamConnections {
        if self.with.is_empty() {
            return &self.without;
        }
        let certificate = owner.and_then(|route| route.client_certificate.as_ref());
        let mut with = self.with.iter();
        with.find(|connections| connections.destination.shows(certificate))
            .unwrap_or(&self.without)
    }
}
