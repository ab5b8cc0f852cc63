//! The hosts that a session intercepts, and the name constraints for them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use rustls_pki_types::{DnsName, ServerName};

use crate::CaError;

/// A host or domain that this session intercepts, and that the CA's name constraints therefore
/// permit (RFC 5280 §4.2.1.10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PermittedHost {
    /// This DNS name and everything below it. Case and a trailing dot do not matter.
    Domain(String),
    /// This single address.
    Ip(IpAddr),
    /// Every host: the CA has no name constraints.
    Any,
}

/// The permitted hosts, checked and normalized.
#[derive(Debug)]
pub(crate) struct PermittedNames {
    /// In lower case, without a trailing dot.
    domains: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    is_any: bool,
}

impl PermittedNames {
    /// Checks and normalizes the hosts. An empty list is valid: it permits nothing.
    pub(crate) fn parse(hosts: &[PermittedHost]) -> Result<Self, CaError> {
        let mut names = Self {
            domains: BTreeSet::new(),
            addresses: BTreeSet::new(),
            is_any: false,
        };
        for host in hosts {
            match host {
                PermittedHost::Domain(domain) => {
                    let name = DnsName::try_from(domain.as_str())
                        .map_err(|_| CaError::InvalidDomain {
                            domain: domain.clone(),
                        })?
                        .to_lowercase_owned();
                    names.domains.insert(name.as_ref().to_owned());
                }
                PermittedHost::Ip(address) => {
                    names.addresses.insert(*address);
                }
                PermittedHost::Any => names.is_any = true,
            }
        }
        Ok(names)
    }

    /// Whether a verifier that enforces [`Self::constraints`] would accept a leaf for `host`.
    pub(crate) fn permits(&self, host: &ServerName<'_>) -> bool {
        match host {
            _ if self.is_any => true,
            ServerName::DnsName(name) => {
                let name = name.to_lowercase_owned();
                within(name.as_ref()).any(|domain| self.domains.contains(domain))
            }
            ServerName::IpAddress(address) => self.addresses.contains(&IpAddr::from(*address)),
            _ => false,
        }
    }

    /// The constraints for the CA certificate; `None` if it has none.
    ///
    /// In RFC 5280 a name form without a constraint is *unconstrained*. So a form that the session
    /// does not use is constrained to a name that no host has. `IPv4` and `IPv6` each get such a
    /// constraint, because some verifiers compare an address only with constraints of its own
    /// family.
    pub(crate) fn constraints(&self) -> Option<NameConstraints> {
        if self.is_any {
            return None;
        }
        let mut permitted_subtrees: Vec<_> = self
            .domains
            .iter()
            .map(|domain| GeneralSubtree::DnsName(domain.clone()))
            .collect();
        if self.domains.is_empty() {
            permitted_subtrees.push(GeneralSubtree::DnsName(UNUSED_DOMAIN.to_owned()));
        }
        permitted_subtrees.extend(self.addresses.iter().copied().map(single_address));
        if !self.addresses.iter().any(IpAddr::is_ipv4) {
            permitted_subtrees.push(single_address(UNUSED_IPV4));
        }
        if !self.addresses.iter().any(IpAddr::is_ipv6) {
            permitted_subtrees.push(single_address(UNUSED_IPV6));
        }
        Some(NameConstraints {
            permitted_subtrees,
            excluded_subtrees: Vec::new(),
        })
    }
}

/// The name itself, and each of its parent domains.
fn within(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| {
        name.split_once('.').map(|(_, domain)| domain)
    })
}

fn single_address(address: IpAddr) -> GeneralSubtree {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, prefix))
}

/// Never resolves (RFC 2606 §2).
const UNUSED_DOMAIN: &str = "authsome.invalid";
/// For documentation only (RFC 5737 §3).
const UNUSED_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0));
/// For documentation only (RFC 3849 §2).
const UNUSED_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0));

#[cfg(test)]
mod tests {
    use super::*;

    fn names(domains: &[&str], addresses: &[&str]) -> PermittedNames {
        let hosts: Vec<_> = domains
            .iter()
            .map(|domain| PermittedHost::Domain((*domain).to_owned()))
            .chain(
                addresses
                    .iter()
                    .map(|address| PermittedHost::Ip(address.parse().unwrap())),
            )
            .collect();
        PermittedNames::parse(&hosts).unwrap()
    }

    fn permits(names: &PermittedNames, host: &str) -> bool {
        names.permits(&ServerName::try_from(host).unwrap())
    }

    #[test]
    fn permits_the_domain_and_what_is_below_it() {
        let names = names(&["Example.com."], &[]);
        assert!(permits(&names, "example.com"));
        assert!(permits(&names, "a.b.EXAMPLE.com."));
        assert!(!permits(&names, "badexample.com"));
        assert!(!permits(&names, "example.com.evil.org"));
        assert!(!permits(&names, "com"));
    }

    #[test]
    fn permits_only_the_addresses_given() {
        let names = names(&["example.com"], &["127.0.0.1", "::1"]);
        assert!(permits(&names, "127.0.0.1"));
        assert!(permits(&names, "::1"));
        assert!(!permits(&names, "127.0.0.2"));
    }

    #[test]
    fn permits_every_host_without_constraints() {
        let all = PermittedNames::parse(&[PermittedHost::Any]).unwrap();
        assert!(permits(&all, "example.com"));
        assert!(permits(&all, "127.0.0.1"));
        assert!(all.constraints().is_none());
    }

    #[test]
    fn refuses_what_is_not_a_dns_name() {
        for domain in [
            "",
            ".",
            ".example.com",
            "*.example.com",
            "10.0.0.1",
            "ü.de",
            "a b",
        ] {
            let result = PermittedNames::parse(&[PermittedHost::Domain(domain.to_owned())]);
            assert!(
                matches!(result, Err(CaError::InvalidDomain { .. })),
                "{domain:?}"
            );
        }
    }

    #[test]
    fn closes_each_name_form_that_is_not_used() {
        assert_eq!(
            names(&[], &[])
                .constraints()
                .unwrap()
                .permitted_subtrees
                .len(),
            3
        );
        let one_of_each = names(&["a.com", "A.com."], &["10.0.0.1", "10.0.0.1", "::1"]);
        let subtrees = one_of_each.constraints().unwrap().permitted_subtrees;
        assert_eq!(subtrees.len(), 3, "duplicates fall away, no dummy is added");
        assert!(!subtrees.contains(&GeneralSubtree::DnsName(UNUSED_DOMAIN.to_owned())));
    }
}
