//! The private CAs of the user's connections.

use std::collections::HashMap;
use std::sync::Arc;

use authsome_providers::RoutePattern;

use super::route::authority_of;
use crate::authority::Authority;

/// The private CAs (PEM) of the connections, by host and port.
#[derive(Debug, Default)]
pub(super) struct PrivateCas {
    exact: HashMap<Authority, Vec<Arc<str>>>,
    patterns: Vec<(RoutePattern, Arc<str>)>,
}

impl PrivateCas {
    pub(super) fn add(&mut self, pattern: &RoutePattern, pem: &Arc<str>) {
        match authority_of(pattern) {
            Some(authority) => self
                .exact
                .entry(authority)
                .or_default()
                .push(Arc::clone(pem)),
            None => self.patterns.push((pattern.clone(), Arc::clone(pem))),
        }
    }

    /// The private CAs (PEM) for connections to that authority, without duplicates.
    pub(super) fn at(&self, authority: &Authority) -> Vec<Arc<str>> {
        let exact = self.exact.get(authority).into_iter().flatten();
        let here = |pattern: &RoutePattern| {
            pattern.port == authority.port() && pattern.host.matches(authority.host())
        };
        let patterns = self.patterns.iter();
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

#[cfg(test)]
mod tests {
    use authsome_providers::Scheme;

    use super::*;

    fn pattern(host: &str, path_prefix: &str) -> RoutePattern {
        RoutePattern {
            scheme: Scheme::Https,
            host: host.parse().unwrap(),
            port: 443,
            path_prefix: path_prefix.to_owned(),
        }
    }

    #[test]
    fn a_private_ca_is_trusted_for_the_hosts_of_its_connections_only() {
        let mut cas = PrivateCas::default();
        let (one, all): (Arc<str>, Arc<str>) = ("one".into(), "all".into());
        cas.add(&pattern("a.acme.test", ""), &one);
        cas.add(&pattern("a.acme.test", "/api"), &one);
        cas.add(&pattern("regex:.*\\.acme\\.test", ""), &all);
        let at = |host, port| cas.at(&Authority::new(host, port).unwrap());
        assert_eq!(at("a.acme.test", 443), [Arc::clone(&all), one]);
        assert_eq!(at("b.acme.test", 443), [all]);
        assert!(at("b.acme.test", 8443).is_empty());
        assert!(at("acme.test", 443).is_empty());
    }
}
