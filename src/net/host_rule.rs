//! Hosts that a rule of the user names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::authority::{Authority, parse_port};

/// Hosts that a rule of the user names: `example.com`, every host below it as `*.example.com`, an
/// address, a network as `10.0.0.0/8`, or `*`; each with a port behind it, or for every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    text: String,
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Any,
    /// `.example.com`, with its dot.
    Below(String),
    Exact(String),
    Network(IpNet),
}

/// A text that names no hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "name a host, for example api.example.com, *.example.com, example.com:8443 or 10.0.0.0/8; no scheme and no path"
)]
pub struct HostRuleError;

impl HostRule {
    /// Whether it names that host. Both are in the one spelling of [`Authority`].
    pub(crate) fn matches(&self, authority: &Authority) -> bool {
        self.port.is_none_or(|port| port == authority.port()) && self.has_host(authority.host())
    }

    /// Whether it names that host at some port.
    pub(crate) fn matches_at_some_port(&self, authority: &Authority) -> bool {
        self.has_host(authority.host())
    }

    /// Whether it names that host at every port.
    pub(crate) fn matches_at_all_ports(&self, authority: &Authority) -> bool {
        self.port.is_none() && self.has_host(authority.host())
    }

    /// Whether it names that very host, and not one among others. Who writes `*.example.com` does
    /// not say that its hosts may be anywhere.
    pub(crate) fn is_of(&self, authority: &Authority) -> bool {
        matches!(self.hosts, Hosts::Exact(_) | Hosts::Network(_)) && self.matches(authority)
    }

    fn has_host(&self, host: &str) -> bool {
        match &self.hosts {
            Hosts::Any => true,
            Hosts::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Hosts::Exact(name) => host == name,
            Hosts::Network(network) => host
                .parse()
                .is_ok_and(|address: IpAddr| network.contains(&address)),
        }
    }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (hosts, port) = if let Ok(network) = text.parse() {
            (Hosts::Network(network), None)
        } else if let Some(host) = exact(text, Some(NO_PORT)) {
            (Hosts::Exact(host), None)
        } else if let Some(host) = exact(text, None) {
            let port = text.rsplit_once(':').and_then(|(_, port)| parse_port(port));
            (Hosts::Exact(host), port)
        } else {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(parse_port(port).ok_or(HostRuleError)?)),
                None => (text, None),
            };
            let hosts = match name.strip_prefix('*') {
                Some("") => Hosts::Any,
                Some(below) => Hosts::Below(suffix(below).ok_or(HostRuleError)?),
                None => return Err(HostRuleError),
            };
            (hosts, port)
        };
        Ok(Self {
            text: text.to_owned(),
            hosts,
            port,
        })
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Stands for a port that was not given; any would do.
const NO_PORT: u16 = 1;

fn exact(text: &str, port: Option<u16>) -> Option<String> {
    // A text with a port is not taken for one without.
    let has_port = text
        .rsplit_once(':')
        .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    if has_port && port.is_some() {
        return None;
    }
    Authority::parse(text, port).map(|authority| authority.host().to_owned())
}

/// `.example.com` in the spelling of an [`Authority`].
fn suffix(below: &str) -> Option<String> {
    let name = below.strip_prefix('.')?;
    let authority = Authority::new(name, NO_PORT)?;
    let is_name = authority.host().parse::<IpAddr>().is_err();
    is_name.then(|| format!(".{}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_the_hosts_that_its_text_says() {
        let table = [
            ("example.com", "example.com:443", true),
            ("EXAMPLE.com", "example.com:443", true),
            ("example.com", "example.com.:8443", true),
            ("example.com", "www.example.com:443", false),
            ("example.com", "notexample.com:443", false),
            ("example.com:8443", "example.com:443", false),
            ("example.com:8443", "example.com:8443", true),
            ("*.example.com", "www.example.com:443", true),
            ("*.example.com", "a.b.example.com:443", true),
            ("*.example.com", "example.com:443", false),
            ("*.example.com", "evilexample.com:443", false),
            ("*.example.com:443", "www.example.com:80", false),
            ("*", "example.com:443", true),
            ("*:443", "example.com:443", true),
            ("*:443", "example.com:22", false),
            ("10.0.0.0/8", "10.1.2.3:443", true),
            ("10.0.0.0/8", "11.1.2.3:443", false),
            ("10.0.0.0/8", "10.example.com:443", false),
            ("::1", "[::1]:443", true),
            ("[::1]:8443", "[::1]:443", false),
            ("127.0.0.1", "127.0.0.1:1", true),
            ("127.0.0.1", "0x7f000001:1", true),
            ("fd00::/8", "[fd00::1]:443", true),
        ];
        for (rule, host, expected) in table {
            let rule: HostRule = rule.parse().unwrap();
            let host = Authority::parse(host, None).unwrap();
            assert_eq!(rule.matches(&host), expected, "{rule} and {host}");
        }
    }

    #[test]
    fn what_names_no_host_is_an_error() {
        for text in [
            "",
            "https://example.com",
            "example.com/path",
            "*example.com",
            "*.",
            "*.*.com",
            "a.*.com",
            "example.com:0",
            "example.com:x",
            "example.com:443:443",
            "a b",
            "*.1.2.3.4",
            "10.0.0.0/33",
        ] {
            assert!(text.parse::<HostRule>().is_err(), "{text}");
        }
    }
}
