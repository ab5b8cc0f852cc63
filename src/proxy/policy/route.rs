//! One place of one connection, and how it stands among others.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use authsome_providers::{HostPattern, RoutePattern, Rules, Service};
use http::HeaderName;

use crate::audit::Quoted;
use crate::authority::Authority;
use crate::credential::{ConnectionId, Credential};
use crate::net::tls::ClientCertificate;
use crate::proxy::rewrite::credential::ReadyCredential;

/// How a connection stands among those of the same right: the user's word counts most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// Nothing speaks for it.
    None,
    /// It is its provider's default.
    Default,
    /// It was named with `--connection`.
    Chosen,
}

/// One place of one connection.
#[derive(Debug)]
pub(in crate::proxy) struct Route {
    pub(in crate::proxy) id: ConnectionId,
    pub(in crate::proxy) label: String,
    /// The same, for the log.
    pub(in crate::proxy) quoted: Quoted,
    pub(in crate::proxy) rules: Arc<Rules>,
    /// The headers that can carry a credential.
    pub(in crate::proxy) carriers: Arc<[HeaderName]>,
    /// What is shown to the server of a request that belongs to it.
    pub(in crate::proxy) client_certificate: Option<Arc<ClientCertificate>>,
    pub(super) pattern: RoutePattern,
    pub(super) preference: Preference,
    pub(super) service: Arc<Service>,
    pub(super) ready: ArcSwapOption<ReadyCredential>,
}

/// The one place of a pattern, if it has only one.
pub(super) fn authority_of(pattern: &RoutePattern) -> Option<Authority> {
    match &pattern.host {
        HostPattern::Exact(host) => Authority::new(host, pattern.port),
        HostPattern::Regex(_) => None,
    }
}

impl Route {
    pub(super) fn rank(&self) -> (usize, bool, Preference) {
        (
            self.pattern.path_prefix.len(),
            matches!(self.pattern.host, HostPattern::Exact(_)),
            self.preference,
        )
    }

    pub(super) fn has_host(&self, authority: &Authority) -> bool {
        self.pattern.port == authority.port() && self.pattern.host.matches(authority.host())
    }

    pub(super) fn ties_with(&self, other: &Self) -> bool {
        self.rank() == other.rank() && self.id != other.id
    }

    /// A canonical path as the rules want it: below the service's base.
    pub(in crate::proxy) fn relative_path<'a>(&self, path: &'a str) -> &'a str {
        self.service.relative_path(path).unwrap_or(path)
    }

    /// The credential in the forms of this route's shapes; made anew only when the token has
    /// changed.
    pub(in crate::proxy) fn ready(&self, credential: &Credential) -> Arc<ReadyCredential> {
        match &*self.ready.load() {
            Some(ready) if ready.generation == credential.generation => Arc::clone(ready),
            _ => {
                let ready = Arc::new(ReadyCredential::new(credential, self.rules.shapes()));
                self.ready.store(Some(Arc::clone(&ready)));
                ready
            }
        }
    }
}
