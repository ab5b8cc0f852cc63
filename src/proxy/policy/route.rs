//! One route of a connection, and its rank among others.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use authsome_providers::{HostPattern, RoutePattern, Rules, Service, Shape};
use http::{HeaderName, HeaderValue};

use super::graphql::Guard;
use super::sent_guard::SentGuard;
use crate::audit::Quoted;
use crate::authority::Authority;
use crate::credential::ready::Ready;
use crate::credential::{ConnectionId, Credential};
use crate::net::tls::ClientCertificate;
use crate::proxy::rewrite::placeholder::Others;
use crate::proxy::rewrite::scrub::mints::Shapes;

/// Which connection wins among those that match equally well. The user's own choice counts most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// No preference.
    None,
    /// It is its provider's default.
    Default,
    /// It was named with `--connection`.
    Chosen,
}

/// One host pattern, port and path prefix of a connection.
#[derive(Debug)]
pub(in crate::proxy) struct Route {
    pub(in crate::proxy) id: ConnectionId,
    pub(in crate::proxy) label: String,
    /// `label`, quoted for the log.
    pub(in crate::proxy) quoted: Quoted,
    pub(in crate::proxy) rules: Arc<Rules>,
    /// The headers that can carry a credential.
    pub(in crate::proxy) carriers: Arc<[HeaderName]>,
    /// Fields that each request gets, unless it has them.
    pub(in crate::proxy) constant: Arc<[(HeaderName, HeaderValue)]>,
    /// What stands for its credential beside the usual placeholder.
    pub(in crate::proxy) others: Arc<Others>,
    /// Presented to the server for a request that belongs to this route.
    pub(in crate::proxy) client_certificate: Option<Arc<ClientCertificate>>,
    pub(super) pattern: RoutePattern,
    pub(super) preference: Preference,
    pub(super) service: Arc<Service>,
    pub(super) ready: ArcSwapOption<ReadyCredential>,
    /// What the definition denies in GraphQL documents; made when the first comes.
    pub(super) graphql: OnceLock<Guard>,
    /// What it denies for what a request sends; likewise.
    pub(super) sent: OnceLock<SentGuard>,
    /// What its fresh secrets look like; made when the first response comes.
    pub(super) mints: OnceLock<Option<Arc<Shapes>>>,
}

/// The forms of a credential, indexed like the shapes.
#[derive(Debug)]
pub(in crate::proxy) struct ReadyCredential {
    generation: u64,
    forms: Vec<Ready>,
}

impl ReadyCredential {
    fn new(credential: &Credential, rules: &Rules) -> Self {
        let shapes = rules.shapes().iter();
        Self {
            generation: credential.generation,
            forms: shapes
                .map(|shape| Ready::new(credential.fields(), shape))
                .collect(),
        }
    }

    /// The form of the shape with that index.
    pub(in crate::proxy) fn form(&self, shape: usize) -> Option<&Ready> {
        self.forms.get(shape)
    }
}

/// The host and port of a pattern, if it matches only one host.
pub(super) fn authority_of(pattern: &RoutePattern) -> Option<Authority> {
    match &pattern.host {
        HostPattern::Exact(host) => Authority::new(host, pattern.port),
        HostPattern::Regex(_) => None,
    }
}

impl Route {
    /// Compared in this order: a longer path prefix, then an exact host, then the preference.
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

    /// Whether the shape with that index is a signature.
    pub(in crate::proxy) fn is_signed(&self, shape: usize) -> bool {
        matches!(self.rules.shapes().get(shape), Some(Shape::SigV4))
    }

    /// A canonical path relative to the service's base path, as the rules expect it.
    pub(in crate::proxy) fn relative_path<'a>(&self, path: &'a str) -> &'a str {
        self.service.relative_path(path).unwrap_or(path)
    }

    /// Whether a `POST` there reaches git's own service of that name, rather than an API in which a
    /// name of anybody's choice may end like that. The definition's rule for the one is not the one
    /// for whatever else could be at its place.
    pub(in crate::proxy) fn is_service_of_git(&self, host: &str, path: &str, name: &str) -> bool {
        let Some(repository) = path.strip_suffix(name) else {
            return false;
        };
        let shape = |path: &str| {
            let found = self.rules.injection(host, "POST", path, None);
            found.map(|found| found.shape)
        };
        let found = shape(path);
        found.is_none() || found != shape(&format!("{repository}/other"))
    }

    /// The path over HTTPS of a repository that git asks for by its path of an SSH address, behind
    /// the prefix that both have.
    pub(super) fn https_path<'a>(&self, host: &str, path: &'a str) -> Option<(&'a str, String)> {
        let git = self.service.git.as_ref()?;
        let is_git_host = git.host.as_ref().is_none_or(|known| known.matches(host));
        let relative = self.relative_path(path);
        let prefix = path.strip_suffix(relative).unwrap_or_default();
        Some((prefix, git.https_path(relative)?)).filter(|_| is_git_host)
    }

    /// What the definition denies in GraphQL documents, without the rules that the user has lifted
    /// (as `provider/rule`).
    pub(in crate::proxy) fn graphql_guard(&self, lifted: &HashSet<String>) -> &Guard {
        let provider = &self.id.provider;
        let is_lifted = |rule: &str| lifted.contains(&format!("{provider}/{rule}"));
        self.graphql
            .get_or_init(|| Guard::new(&self.rules, is_lifted))
    }

    /// What the definition denies for what a request sends, likewise.
    pub(super) fn sent_guard(&self, lifted: &HashSet<String>) -> &SentGuard {
        self.sent
            .get_or_init(|| SentGuard::new(&self.rules, &self.id.provider, lifted))
    }

    /// What the fresh secrets look like that the service makes; `None` if that is not known.
    pub(in crate::proxy) fn mints(&self) -> Option<&Arc<Shapes>> {
        let made = || Shapes::new(self.rules.mints()).map(Arc::new);
        self.mints.get_or_init(made).as_ref()
    }

    /// The credential in the forms of this route's shapes. They are made again only when the token
    /// has changed.
    pub(in crate::proxy) fn ready(&self, credential: &Credential) -> Arc<ReadyCredential> {
        match &*self.ready.load() {
            Some(ready) if ready.generation == credential.generation => Arc::clone(ready),
            _ => {
                let ready = Arc::new(ReadyCredential::new(credential, &self.rules));
                self.ready.store(Some(Arc::clone(&ready)));
                ready
            }
        }
    }
}
