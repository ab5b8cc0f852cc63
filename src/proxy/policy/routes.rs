//! Which connection a request belongs to: the longest path prefix wins, then an exact host before a
//! `regex:`, then the preference.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use authsome_ca::PermittedHost;
use authsome_providers::{Carriers, HostPattern, RoutePattern, Scheme, Service};

use super::candidates::Candidates;
use super::private_ca::PrivateCas;
use super::route::{Preference, Route, authority_of};
use crate::audit::Quoted;
use crate::authority::Authority;
use crate::credential::ConnectionId;
use crate::net::tls::ClientCertificate;
use crate::proxy::rewrite::body_fields::Search;
use crate::proxy::rewrite::placeholder::Others;

/// A connection and the service that it is for.
#[derive(Debug)]
pub struct Managed {
    /// The connection.
    pub id: ConnectionId,
    /// Its hosts and rules.
    pub service: Service,
    /// A private CA (PEM) that it trusts.
    pub ca_pem: Option<String>,
    /// Presented to its hosts if they ask for a client certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Its preference among connections that match equally well.
    pub preference: Preference,
}

/// Two or more connections that match the same place equally well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Scheme, host, port and path prefix.
    pub place: String,
    /// The connections.
    pub connections: Vec<ConnectionId>,
}

/// All routes of a session.
#[derive(Debug, Default)]
pub struct RouteTable {
    exact: HashMap<Authority, Vec<Arc<Route>>>,
    patterns: Vec<Arc<Route>>,
    private_ca: PrivateCas,
    /// Of all services.
    carriers: Carriers,
    placeholders: Vec<String>,
    others: Arc<Others>,
}

impl RouteTable {
    /// The table for those connections.
    pub fn new(managed: impl IntoIterator<Item = Managed>) -> Self {
        Self::beside(&Self::default(), managed)
    }

    /// The same for connections that come later than those of `earlier`: its services are among
    /// those of [`Self::search`].
    pub(super) fn beside(earlier: &Self, managed: impl IntoIterator<Item = Managed>) -> Self {
        let mut table = Self {
            carriers: earlier.carriers.clone(),
            placeholders: earlier.placeholders.clone(),
            ..Self::default()
        };
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
            table.add_carriers(service.rules.carriers());
            table
                .placeholders
                .extend(service.placeholders.iter().cloned());
            let others = Arc::new(Others::of(&service.placeholders));
            let constant: Arc<[_]> = service
                .rules
                .headers()
                .iter()
                .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
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
                    constant: Arc::clone(&constant),
                    others: Arc::clone(&others),
                    client_certificate: client_certificate.clone(),
                    pattern: pattern.clone(),
                    preference: connection.preference,
                    service: Arc::clone(&service),
                    ready: ArcSwapOption::empty(),
                    graphql: OnceLock::new(),
                    sent: OnceLock::new(),
                    mints: OnceLock::new(),
                }));
            }
        }
        table.others = Arc::new(Others::of(&table.placeholders));
        table
    }

    /// What would be a credential of any of the services, for a request that belongs to none of
    /// them.
    pub(in crate::proxy) fn search(&self) -> Search<'_> {
        Search {
            carriers: &self.carriers,
            others: &self.others,
        }
    }

    /// Only those of bodies: nothing else is searched by name.
    fn add_carriers(&mut self, carriers: &Carriers) {
        let known = &mut self.carriers;
        for (all, own) in [
            (&mut known.form, &carriers.form),
            (&mut known.json, &carriers.json),
        ] {
            let new: Vec<_> = own
                .iter()
                .filter(|name| !all.contains(name))
                .cloned()
                .collect();
            all.extend(new);
        }
    }

    fn add(&mut self, route: Arc<Route>) {
        match authority_of(&route.pattern) {
            Some(authority) => self.exact.entry(authority).or_default().push(route),
            None => self.patterns.push(route),
        }
    }

    /// Whether TLS to that authority is terminated here.
    pub(in crate::proxy) fn manages(&self, authority: &Authority) -> bool {
        self.exact.contains_key(authority)
            || self.patterns.iter().any(|route| route.has_host(authority))
    }

    /// Whether some port of that host is managed.
    pub(in crate::proxy) fn manages_host(&self, authority: &Authority) -> bool {
        let host = authority.host();
        self.exact.keys().any(|known| known.host() == host)
            || self
                .patterns
                .iter()
                .any(|route| route.pattern.host.matches(host))
    }

    /// The connection of a route that could match what that pattern matches.
    pub(super) fn in_the_way_of(&self, pattern: &RoutePattern) -> Option<&ConnectionId> {
        let is_one = |authority: &Authority| match authority_of(pattern) {
            Some(exact) => exact == *authority,
            None => pattern.port == authority.port() && pattern.host.matches(authority.host()),
        };
        let exact = self.exact.iter().filter(|(known, _)| is_one(known));
        let exact = exact.flat_map(|(_, routes)| routes);
        let overlaps = |route: &&Arc<Route>| match authority_of(pattern) {
            Some(exact) => route.has_host(&exact),
            None => {
                route.pattern.port == pattern.port && may_meet(&route.pattern.host, &pattern.host)
            }
        };
        let patterns = self.patterns.iter().filter(overlaps);
        exact.chain(patterns).next().map(|route| &route.id)
    }

    /// The routes to that authority.
    pub(in crate::proxy) fn to(&self, authority: &Authority) -> Candidates {
        let exact = self.exact.get(authority).into_iter().flatten();
        let patterns = self
            .patterns
            .iter()
            .filter(|route| route.has_host(authority));
        let mut routes: Vec<_> = exact.chain(patterns).map(Arc::clone).collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.rank()));
        Candidates(routes.into())
    }

    /// The ties, which `run` reports to the user at the start.
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

    /// The hosts that the session CA may sign for.
    pub fn permitted_hosts(&self) -> Vec<PermittedHost> {
        let routes = self.exact.values().flatten().chain(&self.patterns);
        let mut permitted: Vec<_> = routes
            .filter_map(|route| permitted_host(&route.pattern.host))
            .collect();
        permitted.sort_unstable();
        permitted.dedup();
        permitted
    }

    /// The private CAs (PEM) for connections to that authority, without duplicates.
    pub(in crate::proxy) fn private_ca(&self, authority: &Authority) -> Vec<Arc<str>> {
        self.private_ca.at(authority)
    }

    /// The exact hosts, for the settings of the child that name hosts: variables, git
    /// configuration.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(Authority::host)
    }

    /// The ports of all routes, each once.
    pub fn ports(&self) -> Vec<u16> {
        let patterns = self.patterns.iter().map(|route| route.pattern.port);
        let ports: BTreeSet<_> = self
            .exact
            .keys()
            .map(Authority::port)
            .chain(patterns)
            .collect();
        ports.into_iter().collect()
    }

    /// The domains that contain the hosts of all other routes.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let hosts = self.patterns.iter().map(|route| &route.pattern.host);
        hosts.filter_map(HostPattern::literal_suffix)
    }
}

/// The connections of the highest preference for one place, if there are several.
fn tie(place: String, routes: &[&Arc<Route>]) -> Option<Tie> {
    let best = routes.iter().map(|route| route.preference).max()?;
    let equals = routes.iter().filter(|route| route.preference == best);
    let connections: Vec<_> = equals.map(|route| route.id.clone()).collect();
    (connections.len() > 1).then_some(Tie { place, connections })
}

/// Whether some host may match both patterns: their domains are one, or one is within the other.
fn may_meet(one: &HostPattern, other: &HostPattern) -> bool {
    let (Some(one), Some(other)) = (one.literal_suffix(), other.literal_suffix()) else {
        return true;
    };
    let is_within = |inner: &str, outer: &str| {
        let rest = inner.strip_suffix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_within(one, other) || is_within(other, one)
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
    use crate::proxy::policy::candidates::RouteMatch;

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
