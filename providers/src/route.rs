//! Where a connection's requests go.

use std::fmt;

use crate::base_url::{BaseUrl, strip_path_prefix};
use crate::host::HostPattern;

/// http or https.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// Plain HTTP: on this very machine only.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The scheme as a URL writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Scheme, hosts, port and path prefix that belong to a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoutePattern {
    /// http or https.
    pub scheme: Scheme,
    /// Which hosts.
    pub host: HostPattern,
    /// Exactly this port.
    pub port: u16,
    /// `""` or for example `/v4`, without a trailing slash; from the root of the host.
    pub path_prefix: String,
}

impl RoutePattern {
    /// Whether a request to this origin and canonical path is the connection's.
    pub fn matches(&self, scheme: Scheme, host: &str, port: u16, path: &str) -> bool {
        self.has_origin(scheme, host, port) && self.is_above(path)
    }

    /// Whether a canonical path is below the prefix, which ends at the boundary of a segment.
    pub fn is_above(&self, path: &str) -> bool {
        strip_path_prefix(path, &self.path_prefix).is_some()
    }

    pub(crate) fn has_origin(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        self.scheme == scheme && self.port == port && self.host.matches(host)
    }

    /// Everything below a base URL.
    pub(crate) fn below(base: &BaseUrl) -> Self {
        Self {
            scheme: base.scheme(),
            host: HostPattern::Exact(base.host().to_owned()),
            port: base.port(),
            path_prefix: base.path_prefix().to_owned(),
        }
    }

    /// Every path of the hosts of a pattern.
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
