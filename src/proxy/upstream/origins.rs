//! The origin of one client's connection once for each client certificate.
//!
//! A TLS connection is its certificate's from the handshake to its end. A request that went out on
//! one of another account would be that account's in the server's eyes (curl's CVE-2016-5420), so
//! what is idle is kept apart as well. Where no connection has a certificate, which is nearly
//! everywhere, there is one for all requests.

use std::sync::Arc;

use http::uri;

use super::origin::Origin;
use crate::net::tls::ClientCertificate;
use crate::proxy::policy::route::Route;

/// One origin, apart by the client certificate that its connections show.
#[derive(Debug)]
pub(in crate::proxy) struct Origins {
    without: Origin,
    with: Box<[Origin]>,
}

impl Origins {
    /// For requests of connections that have these certificates, each made by `origin`.
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

    /// Host and port, as a URL has them.
    pub(in crate::proxy) fn uri_authority(&self) -> &uri::Authority {
        &self.without.uri_authority
    }

    /// For a request that belongs to that route. One that belongs to none shows no certificate: it
    /// would be a credential.
    pub(in crate::proxy) fn of(&self, owner: Option<&Arc<Route>>) -> &Origin {
        if self.with.is_empty() {
            return &self.without;
        }
        let certificate = owner.and_then(|route| route.client_certificate.as_ref());
        let mut with = self.with.iter();
        with.find(|origin| origin.destination.shows(certificate))
            .unwrap_or(&self.without)
    }
}
