//! The routes of a session: those that it starts with, and those of connections that join it.
//!
//! A request reads them without a lock. A host belongs to the connections that had it first: one
//! that joins brings its own hosts, and takes none away.

use std::sync::Arc;

use authsome_providers::Scheme;

use super::candidates::Candidates;
use super::routes::{Managed, RouteTable};
use crate::authority::Authority;
use crate::credential::ConnectionId;
use crate::growing::Growing;
use crate::proxy::rewrite::body_fields::Search;

/// All routes, of which more may come.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Routes(Growing<RouteTable>);

/// A connection cannot join a session that has another one for its host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} is {by}'s in this run; to use it, start another run")]
pub struct HostInUse {
    /// Scheme, host, port and path prefix.
    pub place: String,
    /// Whose it is.
    pub by: ConnectionId,
}

impl Routes {
    pub(in crate::proxy) fn new(first: RouteTable) -> Self {
        Self(Growing::new(first))
    }

    /// Adds those of a connection whose hosts are no other's. `before` is called once that is
    /// known, before the first request finds them.
    pub(in crate::proxy) fn join(
        &self,
        managed: Managed,
        before: impl FnOnce(),
    ) -> Result<(), HostInUse> {
        let patterns = managed.service.routes.iter();
        for pattern in patterns.filter(|pattern| pattern.scheme == Scheme::Https) {
            let by = self.0.iter().find_map(|table| table.in_the_way_of(pattern));
            if let Some(by) = by {
                return Err(HostInUse {
                    place: pattern.to_string(),
                    by: by.clone(),
                });
            }
        }
        before();
        self.0.push(RouteTable::beside(self.0.last(), [managed]));
        Ok(())
    }

    /// Whether TLS to that authority is terminated here.
    pub(in crate::proxy) fn manages(&self, authority: &Authority) -> bool {
        self.of(authority).is_some()
    }

    /// Whether some port of that host is managed.
    pub(in crate::proxy) fn manages_host(&self, authority: &Authority) -> bool {
        self.0.iter().any(|table| table.manages_host(authority))
    }

    /// The routes to that authority.
    pub(in crate::proxy) fn to(&self, authority: &Authority) -> Candidates {
        let table = self.of(authority);
        table.map(|table| table.to(authority)).unwrap_or_default()
    }

    /// What would be a credential of any of the services, for a request that belongs to none of
    /// them.
    pub(in crate::proxy) fn search(&self) -> Search<'_> {
        self.0.last().search()
    }

    /// The private CAs (PEM) for connections to that authority, without duplicates.
    pub(in crate::proxy) fn private_ca(&self, authority: &Authority) -> Vec<Arc<str>> {
        let table = self.of(authority);
        table.map_or_else(Vec::new, |table| table.private_ca(authority))
    }

    /// The ports of the routes that the session starts with, each once.
    pub(in crate::proxy) fn first_ports(&self) -> Vec<u16> {
        self.0
            .iter()
            .next()
            .map_or_else(Vec::new, RouteTable::ports)
    }

    fn of(&self, authority: &Authority) -> Option<&RouteTable> {
        self.0.iter().find(|table| table.manages(authority))
    }
}

#[cfg(test)]
mod tests {
    use authsome_providers::{Catalog, Definition, Source};

    use super::super::route::Preference;
    use super::*;

    fn managed(name: &str, base: &str) -> Managed {
        let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
        of(&definition, name, Some(base))
    }

    fn of(definition: &Definition, name: &str, base: Option<&str>) -> Managed {
        let base = base.map(|base| base.parse().unwrap());
        Managed {
            id: ConnectionId {
                provider: definition.provider.id.clone(),
                name: name.parse().unwrap(),
            },
            service: definition.provider.at(base.as_ref()).unwrap(),
            ca_pem: Some(format!("the CA of {name}")),
            client_certificate: None,
            preference: Preference::None,
        }
    }

    /// One whose host is a pattern.
    fn pattern(host: &str) -> Managed {
        let text = format!(
            r#"{{"schema_version": 1, "name": "acme", "display_name": "Acme", "auth_type": "api_key", "api_url": "{host}"}}"#
        );
        let source = Source::Custom("acme.json".into());
        of(&Definition::parse(&text, source).unwrap(), "all", None)
    }

    fn at(host: &str) -> Authority {
        Authority::parse(host, Some(443)).unwrap()
    }

    fn owner(routes: &Routes, host: &str) -> Option<String> {
        let candidates = routes.to(&at(host));
        candidates.first().map(|route| route.label.clone())
    }

    #[test]
    fn a_connection_that_joins_brings_its_host_and_takes_none() {
        let first = RouteTable::new([managed("com", "https://gitlab.com")]);
        let routes = Routes::new(first);
        assert!(!routes.manages(&at("git.acme.test")));
        routes
            .join(managed("acme", "https://git.acme.test"), || ())
            .unwrap();
        assert_eq!(owner(&routes, "git.acme.test").unwrap(), "gitlab/acme");
        assert_eq!(
            routes.private_ca(&at("git.acme.test")),
            [Arc::from("the CA of acme")]
        );
        for base in ["https://gitlab.com", "https://git.acme.test/below"] {
            let refused = routes.join(managed("other", base), || ()).unwrap_err();
            assert_eq!(refused.place, base);
        }
        assert_eq!(owner(&routes, "gitlab.com").unwrap(), "gitlab/com");
        assert_eq!(
            routes.private_ca(&at("gitlab.com")),
            [Arc::from("the CA of com")]
        );
    }

    #[test]
    fn patterns_and_hosts_are_in_the_way_of_each_other() {
        let routes = Routes::new(RouteTable::new([managed("a", "https://a.acme.test")]));
        let all = r"regex:.*\\.acme\\.test";
        let refused = routes.join(pattern(all), || ()).unwrap_err();
        assert_eq!(refused.by.to_string(), "gitlab/a");
        let other = r"regex:.*\\.other\\.test";
        routes.join(pattern(other), || ()).unwrap();
        assert_eq!(owner(&routes, "b.other.test").unwrap(), "acme/all");
        routes.join(pattern(other), || ()).unwrap_err();
        let within = r"regex:api-.*\\.other\\.test";
        routes.join(pattern(within), || ()).unwrap_err();
        routes
            .join(managed("c", "https://c.other.test"), || ())
            .unwrap_err();
    }
}
