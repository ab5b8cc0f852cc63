//! The origins and paths of a connection's requests.

use std::fmt;

use crate::base_url::{BaseUrl, strip_path_prefix};
use crate::host::HostPattern;
use crate::scheme::Scheme;

/// The scheme, hosts, port and path prefix of requests that belong to a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoutePattern {
    /// http or https.
    pub scheme: Scheme,
    /// The hosts.
    pub host: HostPattern,
    /// The port.
    pub port: u16,
    /// The path prefix from the root of the host, without a trailing slash: for example `/v4`, or
    /// `""`.
    pub path_prefix: String,
}

impl RoutePattern {
    /// Whether a request to this origin and canonical path belongs to the connection.
    pub fn matches(&self, scheme: Scheme, host: &str, port: u16, path: &str) -> bool {
        self.has_origin(scheme, host, port) && self.is_above(path)
    }

    /// Whether a canonical path is below the prefix. The prefix must end where a segment ends.
    pub fn is_above(&self, path: &str) -> bool {
        strip_path_prefix(path, &self.path_prefix).is_some()
    }

    /// Whether this route matches every request that `other` matches.
    pub fn covers(&self, other: &Self) -> bool {
        let same_place = self.scheme == other.scheme && self.port == other.port;
        let hosts = self.host == other.host
            || matches!(&other.host, HostPattern::Exact(host) if self.host.matches(host));
        same_place && hosts && self.is_above(&other.path_prefix)
    }

    /// Whether requests to that scheme, host and port belong to it, by their path.
    pub fn has_origin(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        self.scheme == scheme && self.port == port && self.host.matches(host)
    }

    /// All paths below a base URL.
    pub(crate) fn below(base: &BaseUrl) -> Self {
        Self {
            scheme: base.scheme(),
            host: HostPattern::Exact(base.host().to_owned()),
            port: base.port(),
            path_prefix: base.path_prefix().to_owned(),
        }
    }

    /// All paths of the hosts that a pattern matches, over https.
    pub(crate) fn of_host(host: HostPattern) -> Self {
        Self {
            scheme: Scheme::Https,
            host,
            port: 443,
            path_prefix: String::new(),
        }
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            host,
            port,
            path_prefix,
        } = self;
        match (scheme, port) {
            (Scheme::Https, 443) | (Scheme::Http, 80) => {
                write!(formatter, "{scheme}://{host}{path_prefix}")
            }
            _ => write!(formatter, "{scheme}://{host}:{port}{path_prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: &str, port: u16, prefix: &str) -> RoutePattern {
        RoutePattern {
            scheme: Scheme::Https,
            host: host.parse().unwrap(),
            port,
            path_prefix: prefix.to_owned(),
        }
    }

    #[test]
    fn a_route_covers_what_lies_within_it() {
        let pattern = r"regex:.*\.example\.com";
        for (one, other, expected) in [
            (("a.test", 443, ""), ("a.test", 443, ""), true),
            (("a.test", 443, ""), ("a.test", 443, "/v4"), true),
            (("a.test", 443, "/v4"), ("a.test", 443, ""), false),
            (("a.test", 443, "/v4"), ("a.test", 443, "/v44"), false),
            (("a.test", 443, ""), ("a.test", 8443, ""), false),
            (("a.test", 443, ""), ("b.test", 443, ""), false),
            ((pattern, 443, ""), ("x.example.com", 443, ""), true),
            ((pattern, 443, ""), (pattern, 443, "/a"), true),
            (("x.example.com", 443, ""), (pattern, 443, ""), false),
            ((pattern, 443, ""), ("example.org", 443, ""), false),
        ] {
            let covers = route(one.0, one.1, one.2).covers(&route(other.0, other.1, other.2));
            assert_eq!(covers, expected, "{one:?} {other:?}");
        }
        let plain = RoutePattern {
            scheme: Scheme::Http,
            ..route("a.test", 443, "")
        };
        assert!(!route("a.test", 443, "").covers(&plain));
    }
}
