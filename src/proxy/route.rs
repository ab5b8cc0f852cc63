//! Which connection a request belongs to: longest path prefix first, then exact host, then `regex:`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use authsome_ca::PermittedHost;
use authsome_providers::{HostPattern, RoutePattern, Rules, Scheme, Service};
use http::HeaderName;

use super::inject::ReadyCredential;
use super::target::Authority;
use crate::audit::Quoted;
use crate::credential::{ConnectionId, Credential};
use crate::tls::ClientCertificate;

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

/// A connection and the service that it is for.
#[derive(Debug)]
pub struct Managed {
    /// The connection.
    pub id: ConnectionId,
    /// Its hosts and rules.
    pub service: Service,
    /// A private CA (PEM) that it trusts.
    pub ca_pem: Option<String>,
    /// What it shows to its hosts, where they ask for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Against others of the same right.
    pub preference: Preference,
}

/// Two or more connections that have the same right to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Scheme, host, port and prefix.
    pub place: String,
    /// The connections.
    pub connections: Vec<ConnectionId>,
}

/// One place of one connection.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) id: ConnectionId,
    pub(super) label: String,
    /// The same, for the log.
    pub(super) quoted: Quoted,
    pub(super) rules: Arc<Rules>,
    /// The headers that can carry a credential.
    pub(super) carriers: Arc<[HeaderName]>,
    /// What is shown to the server of a request that belongs to it.
    pub(super) client_certificate: Option<Arc<ClientCertificate>>,
    pattern: RoutePattern,
    preference: Preference,
    service: Arc<Service>,
    ready: ArcSwapOption<ReadyCredential>,
}

/// What the table says of a request.
#[derive(Debug)]
pub(super) enum RouteMatch<'a> {
    /// Several connections have the same right to it.
    Ambiguous(Vec<&'a Arc<Route>>),
    /// The host is managed, this path of it is not.
    None,
    /// It belongs to this connection.
    Route(&'a Arc<Route>),
}

/// The routes that lead to one place, best first: looked up once for a tunnel, so that a request of it looks at no other.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates(Arc<[Arc<Route>]>);

impl Candidates {
    /// The connection that a request belongs to. Pure; a tie is an answer.
    pub(super) fn resolve(&self, path: &str) -> RouteMatch<'_> {
        let mut fitting = self.0.iter().filter(|route| route.pattern.is_above(path));
        let Some(best) = fitting.next() else {
            return RouteMatch::None;
        };
        let mut tied = fitting.filter(|route| route.ties_with(best)).peekable();
        if tied.peek().is_none() {
            return RouteMatch::Route(best);
        }
        RouteMatch::Ambiguous(std::iter::once(best).chain(tied).collect())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.0.iter()
    }

    /// The one that says what a credential for this place looks like where a request belongs to none of them.
    pub(super) fn first(&self) -> Option<&Arc<Route>> {
        self.0.first()
    }
}

/// All routes of a session.
#[derive(Debug, Default)]
pub struct RouteTable {
    exact: HashMap<Authority, Vec<Arc<Route>>>,
    patterns: Vec<Arc<Route>>,
    private_ca: PrivateCas,
}

/// The CAs (PEM) that connections were made with, by their places.
#[derive(Debug, Default)]
struct PrivateCas {
    exact: HashMap<Authority, Vec<Arc<str>>>,
    patterns: Vec<(RoutePattern, Arc<str>)>,
}

impl RouteTable {
    /// The table for those connections.
    pub fn new(managed: impl IntoIterator<Item = Managed>) -> Self {
        let mut table = Self::default();
        for connection in managed {
            let service = Arc::new(connection.service);
            let ca_pem: Option<Arc<str>> = connection.ca_pem.map(Arc::from);
            let client_certificate = connection.client_certificate.map(Arc::new);
            let carriers: Arc<[_]> = service
                .rules
                .carriers()
                .headers
                .iter()
                .filter_map(|name| name.parse().ok())
                .collect();
            for pattern in service
                .routes
                .iter()
                .filter(|pattern| pattern.scheme == Scheme::Https)
            {
                if let Some(pem) = &ca_pem {
                    table.private_ca.add(pattern, pem);
                }
                table.add(Arc::new(Route {
                    id: connection.id.clone(),
                    quoted: Quoted::new(&connection.id.to_string()),
                    label: connection.id.to_string(),
                    rules: Arc::clone(&service.rules),
                    carriers: Arc::clone(&carriers),
                    client_certificate: client_certificate.clone(),
                    pattern: pattern.clone(),
                    preference: connection.preference,
                    service: Arc::clone(&service),
                    ready: ArcSwapOption::empty(),
                }));
            }
        }
        for routes in table.exact.values_mut().chain([&mut table.patterns]) {
            routes.sort_by_key(|route| std::cmp::Reverse(route.rank()));
        }
        table
    }

    fn add(&mut self, route: Arc<Route>) {
        match authority_of(&route.pattern) {
            Some(authority) => self.exact.entry(authority).or_default().push(route),
            None => self.patterns.push(route),
        }
    }

    /// Whether TLS to that place is ended here.
    pub(super) fn manages(&self, authority: &Authority) -> bool {
        self.exact.contains_key(authority)
            || self.patterns.iter().any(|route| route.has_host(authority))
    }

    /// The routes to that place.
    pub(super) fn to(&self, authority: &Authority) -> Candidates {
        let exact = self.exact.get(authority).into_iter().flatten();
        let patterns = self
            .patterns
            .iter()
            .filter(|route| route.has_host(authority));
        let mut routes: Vec<_> = exact.chain(patterns).map(Arc::clone).collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.rank()));
        Candidates(routes.into())
    }

    /// The ties that `run` tells the user of at the start.
    pub fn ties(&self) -> Vec<Tie> {
        let mut ties = Vec::new();
        for routes in self.exact.values().chain([&self.patterns]) {
            let mut places: HashMap<String, Vec<&Arc<Route>>> = HashMap::new();
            for route in routes.iter().filter(|_| routes.len() > 1) {
                let place = route.pattern.to_string();
                places.entry(place).or_default().push(route);
            }
            ties.extend(
                places
                    .into_iter()
                    .filter_map(|(place, routes)| tie(place, &routes)),
            );
        }
        ties.sort_by(|one, other| one.place.cmp(&other.place));
        ties
    }

    /// What the session CA may sign for.
    pub fn permitted_hosts(&self) -> Vec<PermittedHost> {
        let routes = self.exact.values().flatten().chain(&self.patterns);
        let mut permitted: Vec<_> = routes
            .filter_map(|route| permitted_host(&route.pattern.host))
            .collect();
        permitted.sort_unstable();
        permitted.dedup();
        permitted
    }

    /// The exact hosts, for what names them to the child: variables, git configuration.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(Authority::host)
    }

    /// The domains that the hosts of all others are below.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let hosts = self.patterns.iter().map(|route| &route.pattern.host);
        hosts.filter_map(HostPattern::literal_suffix)
    }

    /// The private CAs (PEM) for connections to that place, each once.
    pub(super) fn private_ca(&self, authority: &Authority) -> Vec<Arc<str>> {
        let exact = self.private_ca.exact.get(authority).into_iter().flatten();
        let here = |pattern: &RoutePattern| {
            pattern.port == authority.port() && pattern.host.matches(authority.host())
        };
        let patterns = self.private_ca.patterns.iter();
        let patterns = patterns.filter(|(pattern, _)| here(pattern));
        let mut found: Vec<_> = exact
            .chain(patterns.map(|(_, pem)| pem))
            .map(Arc::clone)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl PrivateCas {
    fn add(&mut self, pattern: &RoutePattern, pem: &Arc<str>) {
        match authority_of(pattern) {
            Some(authority) => self
                .exact
                .entry(authority)
                .or_default()
                .push(Arc::clone(pem)),
            None => self.patterns.push((pattern.clone(), Arc::clone(pem))),
        }
    }
}

/// The one place of a pattern, if it has only one.
fn authority_of(pattern: &RoutePattern) -> Option<Authority> {
    match &pattern.host {
        HostPattern::Exact(host) => Authority::new(host, pattern.port),
        HostPattern::Regex(_) => None,
    }
}

impl Route {
    fn rank(&self) -> (usize, bool, Preference) {
        (
            self.pattern.path_prefix.len(),
            matches!(self.pattern.host, HostPattern::Exact(_)),
            self.preference,
        )
    }

    fn has_host(&self, authority: &Authority) -> bool {
        self.pattern.port == authority.port() && self.pattern.host.matches(authority.host())
    }

    fn ties_with(&self, other: &Self) -> bool {
        self.rank() == other.rank() && self.id != other.id
    }

    /// A canonical path as the rules want it: below the service's base.
    pub(super) fn relative_path<'a>(&self, path: &'a str) -> &'a str {
        self.service.relative_path(path).unwrap_or(path)
    }

    /// The credential in the forms of this route's shapes; made anew only when the token has changed.
    pub(super) fn ready(&self, credential: &Credential) -> Arc<ReadyCredential> {
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

/// The connections of the best right among those at one place, if they are several.
fn tie(place: String, routes: &[&Arc<Route>]) -> Option<Tie> {
    let best = routes.iter().map(|route| route.preference).max()?;
    let equals = routes.iter().filter(|route| route.preference == best);
    let connections: Vec<_> = equals.map(|route| route.id.clone()).collect();
    (connections.len() > 1).then_some(Tie { place, connections })
}

fn permitted_host(host: &HostPattern) -> Option<PermittedHost> {
    match host {
        HostPattern::Exact(host) => Some(match host.parse() {
            Ok(address) => PermittedHost::Ip(IpAddr::to_canonical(&address)),
            Err(_) => PermittedHost::Domain(host.clone()),
        }),
        HostPattern::Regex(_) => host
            .literal_suffix()
            .map(|suffix| PermittedHost::Domain(suffix.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use authsome_providers::Catalog;

    use super::*;

    fn managed(name: &str, base: &str, preference: Preference) -> Managed {
        let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
        let service = definition
            .provider
            .at(Some(&base.parse().unwrap()))
            .unwrap();
        let id = ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: name.parse().unwrap(),
        };
        Managed {
            id,
            service,
            ca_pem: None,
            client_certificate: None,
            preference,
        }
    }

    fn resolve(table: &RouteTable, authority: &str, path: &str) -> String {
        let candidates = table.to(&Authority::parse(authority, None).unwrap());
        match candidates.resolve(path) {
            RouteMatch::Ambiguous(tied) => {
                let labels: Vec<_> = tied.iter().map(|route| route.label.as_str()).collect();
                format!("tie {}", labels.join(" "))
            }
            RouteMatch::None => "none".to_owned(),
            RouteMatch::Route(route) => route.id.name.to_string(),
        }
    }

    #[test]
    fn hosts_ports_and_prefixes_are_told_apart() {
        let table = RouteTable::new([
            managed("com", "https://gitlab.com", Preference::Default),
            managed("acme", "https://gitlab.acme.com:8443", Preference::None),
            managed("root", "https://shared.test", Preference::None),
            managed("below", "https://shared.test/gitlab", Preference::None),
        ]);
        assert_eq!(resolve(&table, "gitlab.com:443", "/api/v4/user"), "com");
        assert_eq!(resolve(&table, "gitlab.com:8443", "/api/v4/user"), "none");
        assert_eq!(resolve(&table, "evil.gitlab.com:443", "/"), "none");
        assert_eq!(resolve(&table, "gitlab.acme.com:8443", "/"), "acme");
        assert_eq!(
            resolve(&table, "shared.test:443", "/gitlab/api/v4/user"),
            "below"
        );
        assert_eq!(resolve(&table, "shared.test:443", "/gitlabs"), "root");
        assert!(table.manages(&Authority::parse("shared.test:443", None).unwrap()));
        assert!(!table.manages(&Authority::parse("shared.test:80", None).unwrap()));
    }

    #[test]
    fn a_tie_is_broken_by_the_users_word_only() {
        let with = |one, other| {
            let table = RouteTable::new([
                managed("a", "https://gitlab.com", one),
                managed("b", "https://gitlab.com", other),
            ]);
            (resolve(&table, "gitlab.com:443", "/"), table.ties().len())
        };
        assert_eq!(
            with(Preference::None, Preference::None),
            ("tie gitlab/a gitlab/b".to_owned(), 1)
        );
        assert_eq!(
            with(Preference::None, Preference::Default),
            ("b".to_owned(), 0)
        );
        assert_eq!(
            with(Preference::Chosen, Preference::Default),
            ("a".to_owned(), 0)
        );
    }

    #[test]
    fn the_ca_is_limited_to_the_routes() {
        let table = RouteTable::new([
            managed("com", "https://gitlab.com", Preference::None),
            managed("ip", "https://192.0.2.7", Preference::None),
            managed("com2", "https://gitlab.com/x", Preference::None),
        ]);
        let permitted = table.permitted_hosts();
        assert_eq!(permitted.len(), 2);
        assert!(permitted.contains(&PermittedHost::Domain("gitlab.com".to_owned())));
        assert!(permitted.contains(&PermittedHost::Ip("192.0.2.7".parse().unwrap())));
    }
}
