//! `NO_PROXY`: the hosts that are reached without a proxy.
//!
//! No standard defines its syntax. Here it is what curl, Go, Python or hyper-util accepts, where
//! they do not contradict each other: names, which include all names below them (`corp.test`,
//! `.corp.test` and `*.corp.test` are the same); addresses; CIDR blocks; a port after any of these;
//! `*`. Commas or white space separate the entries. Any other entry is ignored.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::authority::parse_port;

/// The prefix length of the IPv4-mapped block `::ffff:0:0/96` (RFC 4291 §2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// The hosts of a `NO_PROXY`.
#[derive(Debug, Default)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Debug)]
struct Exception {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug)]
enum Hosts {
    All,
    /// This name in lower case, and those below it.
    Domain(String),
    /// The addresses of this network; a single address is a network of its own.
    Network(IpNet),
}

impl Exceptions {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|character: char| character == ',' || character.is_whitespace());
        Self(entries.filter_map(Exception::parse).collect())
    }

    /// Whether the host is reached without a proxy.
    pub(super) fn cover(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|exception| {
            exception.port.is_none_or(|only| only == port) && exception.hosts.contain(host)
        })
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        let (host, port) = split_port(entry)?;
        Some(Self {
            hosts: Hosts::parse(host)?,
            port,
        })
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`. In an IPv6 address without brackets, no colon begins a
/// port.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(parse_port(port)?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    let address = entry.split('/').next().unwrap_or_default();
    match entry.rsplit_once(':') {
        Some((host, port)) if address.parse::<Ipv6Addr>().is_err() => {
            Some((host, Some(parse_port(port)?)))
        }
        _ => Some((entry, None)),
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            // The address is parsed as all others are. ipnet's own parser would read `010.0.0.0` as
            // 10.0.0.0, other programs read it as octal, and the standard library rejects it.
            let network = IpNet::new(address.parse().ok()?, bits.parse().ok()?);
            return Some(Self::Network(canonical(network.ok()?)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Network(address.to_canonical().into()));
        }
        let name = text.strip_prefix('*').unwrap_or(text);
        let name = name.strip_prefix('.').unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name);
        (!name.is_empty()).then(|| Self::Domain(name.to_ascii_lowercase()))
    }

    fn contain(&self, host: &str) -> bool {
        let address = host.parse().map(|address: IpAddr| address.to_canonical());
        match (self, address) {
            (Self::All, _) => true,
            (Self::Network(network), Ok(address)) => network.contains(&address),
            (Self::Domain(domain), Err(_)) => {
                let host = host.to_ascii_lowercase();
                let below = |prefix: &str| prefix.is_empty() || prefix.ends_with('.');
                host.strip_suffix(domain.as_str()).is_some_and(below)
            }
            _ => false,
        }
    }
}

/// The network in the form in which hosts are compared: `::ffff:10.0.0.0/104` becomes 10.0.0.0/8.
fn canonical(network: IpNet) -> IpNet {
    let address = network.addr().to_canonical();
    match network.prefix_len().checked_sub(MAPPED_PREFIX) {
        Some(bits) if address.is_ipv4() => IpNet::new(address, bits).unwrap_or(network),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_covers_what_the_field_takes_it_for() {
        let table = [
            ("", "gitlab.test", false),
            (",, ,", "gitlab.test", false),
            ("gitlab.test", "gitlab.test", true),
            ("GitLab.Test.", "gitlab.test", true),
            ("gitlab.test", "gitlab.test.", true),
            ("gitlab.test", "www.gitlab.test", true),
            ("gitlab.test", "mygitlab.test", false),
            ("gitlab.test", "test", false),
            (".gitlab.test", "gitlab.test", true),
            (".gitlab.test", "www.gitlab.test", true),
            ("*.gitlab.test", "www.gitlab.test", true),
            ("*.gitlab.test", "mygitlab.test", false),
            ("*", "gitlab.test", true),
            ("*", "10.1.2.3", true),
            ("*", "2001:db8::1", true),
            ("other.test,gitlab.test", "gitlab.test", true),
            ("other.test  gitlab.test", "gitlab.test", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.30", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.99/30", "10.1.2.97", true),
            ("10.1.2.99/30", "10.1.2.100", false),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.0.0.0/8", "gitlab.test", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::/112", "2001:db8::1", true),
            ("2001:db8::/112", "2001:db9::1", false),
            ("010.0.0.0/8", "10.1.2.3", false),
            ("::/0", "10.1.2.3", false),
            ("::1", "::1", true),
            ("[::1]", "::1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("127.0.0.0/8", "::ffff:7f00:1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("::ffff:10.0.0.0/95", "10.1.2.3", false),
            ("localhost", "127.0.0.1", false),
            ("3", "10.1.2.3", false),
        ];
        for (list, host, expected) in table {
            assert_eq!(
                Exceptions::parse(list).cover(host, 443),
                expected,
                "{list:?} {host}"
            );
        }
    }

    #[test]
    fn an_entry_with_a_port_is_for_that_port() {
        for (list, host) in [
            ("gitlab.test:8443", "gitlab.test"),
            (".gitlab.test:8443", "www.gitlab.test"),
            ("127.0.0.1:8443", "127.0.0.1"),
            ("10.0.0.0/8:8443", "10.1.2.3"),
            ("[::1]:8443", "::1"),
            ("*:8443", "gitlab.test"),
        ] {
            let exceptions = Exceptions::parse(list);
            assert!(exceptions.cover(host, 8443), "{list}");
            assert!(!exceptions.cover(host, 443), "{list}");
        }
        for list in [
            "gitlab.test:",
            "gitlab.test:x",
            "gitlab.test:+1",
            "[::1",
            "[::1]x",
            "[::1]:",
        ] {
            assert!(Exceptions::parse(list).0.is_empty(), "{list}");
        }
    }
}
