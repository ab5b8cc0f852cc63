//! The origin of one client's connection, once for each client certificate.
//!
//! A TLS connection belongs to its client certificate from the handshake to its end. A request sent
//! on a connection with another account's certificate would be that account's request to the server
//! (curl's CVE-2016-5420), so idle connections are kept apart as well. Where no connection has a
//! certificate, which is nearly always, there is one origin for all requests.

use std::sync::Arc;

use http::uri;

use super::origin::Origin;
use crate::net::tls::ClientCertificate;

/// One origin, once for each client certificate that its connections present.
#[derive(Debug)]
pub(in crate::proxy) struct Origins {
    without: Origin,
    with: Box<[Origin]>,
}

impl Origins {
    /// One origin for each of these certificates and one without a certificate, all made by
    /// `origin`.
    pub(super) fn new<'a>(
        certificates: impl Iterator<Item = &'a Arc<ClientCertificate>>,
        origin: impl Fn(Option<&Arc<ClientCertificate>>) -> Origin,
    ) -> Self {
        let mut with: Vec<Origin> = Vec::new();
        for certificate in certificates.map(Some) {
            if !with
                .iter()
                .any(|known| known.destination.shows(certificate))
            {
                with.push(origin(certificate));
            }
        }
        Self {
            without: origin(None),
            with: with.into(),
        }
    }

    /// Host and port, as in a URL: without the default port.
    pub(in crate::proxy) fn uri_authority(&self) -> &uri::Authority {
        &self.without.uri_authority
    }

    /// The origin for a request with that client certificate. A request that belongs to no
    /// connection has none, because a certificate is a credential.
    pub(in crate::proxy) fn of(&self, certificate: Option<&Arc<ClientCertificate>>) -> &Origin {
        if self.with.is_empty() {
            return &self.without;
        }
        let mut with = self.with.iter();
        with.find(|origin| origin.destination.shows(certificate))
            .unwrap_or(&self.without)
    }
}
