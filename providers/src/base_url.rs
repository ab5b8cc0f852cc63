//! The address of an instance, normalized so that equal addresses are equal values.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Url};

use crate::host::{HostError, normalise_host};
use crate::scheme::Scheme;

/// The address of an instance: scheme, host, port and path prefix.
///
/// Normalized: lower-case host (IDN in Punycode, no trailing dot), no default port, no trailing
/// `/`. The scheme is https, unless the host is this machine (`127.0.0.0/8`, `::1`, `localhost`).
/// Text without a scheme gets `https://`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BaseUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    path_prefix: String,
    url: Url,
}

impl BaseUrl {
    /// The scheme: https, or http on this machine.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, without brackets if it is an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as it stands in a URL.
    pub(crate) fn url_host(&self) -> Option<&str> {
        self.url.host_str()
    }

    /// The port, even if it is the scheme's default.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of the instance's root, for example `/gitlab`; `""` if it is the root of the host.
    pub fn path_prefix(&self) -> &str {
        &self.path_prefix
    }

    /// The URL of a path below this base URL. `path` starts with `/` and may have a query.
    pub fn join(&self, path: &str) -> Url {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.path_prefix));
        url.set_query(query);
        url
    }

    /// The same base URL with only the first `segments` segments of its path.
    #[must_use]
    pub fn cut_to(&self, segments: usize) -> Self {
        let kept = self.path_prefix.split('/').skip(1).take(segments);
        let path_prefix: String = kept.flat_map(|segment| ["/", segment]).collect();
        let mut url = self.url.clone();
        url.set_path(&path_prefix);
        Self {
            path_prefix,
            url,
            ..self.clone()
        }
    }

    /// Whether `other` is this address, or one below it on the same host.
    pub fn covers(&self, other: &Self) -> bool {
        self.path_below(&other.url).is_some()
    }

    /// The path of `url` relative to this base URL, if it has the same origin and is below the path
    /// prefix.
    pub(crate) fn path_below<'url>(&self, url: &'url Url) -> Option<&'url str> {
        if url.origin() != self.url.origin() {
            return None;
        }
        strip_path_prefix(url.path(), &self.path_prefix)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl FromStr for BaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = if text.contains("://") {
            text
        } else {
            &format!("https://{text}")
        };
        refuse_unusual(text)?;
        let mut url = Url::parse(text).map_err(UrlError::Invalid)?;
        let scheme = secure_scheme(&url)?;
        let host = normalise_host(url.host_str().unwrap_or_default()).map_err(UrlError::Host)?;
        // An IPv6 address needs its brackets again. The host has been parsed before, so this cannot
        // fail.
        let written = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        url.set_host(Some(&written)).map_err(UrlError::Invalid)?;
        let port = match url.port_or_known_default() {
            Some(port) if port != 0 => port,
            _ => return Err(UrlError::Port),
        };
        let path_prefix = url.path().trim_end_matches('/').to_owned();
        check_prefix(&path_prefix)?;
        url.set_path(&path_prefix);
        Ok(Self {
            scheme,
            host,
            port,
            path_prefix,
            url,
        })
    }
}

/// Why a URL is rejected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum UrlError {
    /// Percent-encoding, a backslash, white space or a control character.
    #[error("it has a character that is not allowed")]
    Character,
    /// `.` or `..` in the path.
    #[error("it has a `.` or `..` in its path")]
    DotSegment,
    /// A fragment: a part after `#`.
    #[error("it has a fragment (`#`)")]
    Fragment,
    /// The host is not valid.
    #[error(transparent)]
    Host(HostError),
    /// http to another machine.
    #[error("it must be https (http is for this machine only: 127.0.0.1, [::1] or localhost)")]
    Insecure,
    /// Not a URL.
    #[error("it is not a URL: {0}")]
    Invalid(#[source] url::ParseError),
    /// No port, or port 0.
    #[error("its port is not valid")]
    Port,
    /// A query: a part after `?`.
    #[error("it has a query (`?`)")]
    Query,
    /// `user@` or `user:password@`.
    #[error("it has a user name or password in it")]
    Userinfo,
}

/// A URL in a definition: https, or http on this machine, without userinfo and fragment.
pub(crate) fn parse_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(UrlError::Invalid)?;
    secure_scheme(&url)?;
    normalise_host(url.host_str().unwrap_or_default()).map_err(UrlError::Host)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Userinfo);
    }
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    Ok(url)
}

/// The part of `path` below `prefix`. The prefix must end where a segment ends: `/gitlab-ci/x` is
/// not below `/gitlab`.
pub(crate) fn strip_path_prefix<'path>(path: &'path str, prefix: &str) -> Option<&'path str> {
    let rest = path.strip_prefix(prefix)?;
    match rest.as_bytes().first() {
        None if prefix.is_empty() => Some(rest),
        None => Some("/"),
        Some(b'/') => Some(rest),
        Some(_) => None,
    }
}

/// Rejects what the URL parser would silently repair: the result would then differ from the text
/// that the user sees.
fn refuse_unusual(text: &str) -> Result<(), UrlError> {
    if text.contains('@') {
        return Err(UrlError::Userinfo);
    }
    if text.contains('?') {
        return Err(UrlError::Query);
    }
    if text.contains('#') {
        return Err(UrlError::Fragment);
    }
    let odd = |character: char| {
        character.is_control() || character.is_whitespace() || "%\\".contains(character)
    };
    if text.contains(odd) {
        return Err(UrlError::Character);
    }
    if text
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err(UrlError::DotSegment);
    }
    Ok(())
}

/// https, or http to this machine, where no network attacker can listen.
fn secure_scheme(url: &Url) -> Result<Scheme, UrlError> {
    match url.scheme() {
        "https" => Ok(Scheme::Https),
        "http" if url.host().is_some_and(|host| is_loopback(&host)) => Ok(Scheme::Http),
        _ => Err(UrlError::Insecure),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(domain) => domain
            .strip_suffix('.')
            .unwrap_or(domain)
            .eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => Ipv4Addr::is_loopback(address),
        Host::Ipv6(address) => Ipv6Addr::is_loopback(address),
    }
}

/// Rejects a prefix with more than one possible spelling, because it is compared byte by byte with
/// the canonical path of each request.
fn check_prefix(prefix: &str) -> Result<(), UrlError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if prefix.bytes().all(plain) && !prefix.contains("//") {
        Ok(())
    } else {
        Err(UrlError::Character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_become_equal() {
        for (text, expected) in [
            ("https://gitlab.com", "https://gitlab.com"),
            ("gitlab.acme.com", "https://gitlab.acme.com"),
            ("HTTPS://GitLab.Acme.COM:443/", "https://gitlab.acme.com"),
            ("https://gitlab.acme.com./", "https://gitlab.acme.com"),
            (
                "https://gitlab.acme.com:8443/gitlab/",
                "https://gitlab.acme.com:8443/gitlab",
            ),
            ("acme.com/a/b", "https://acme.com/a/b"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:80/x", "http://[::1]/x"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("localhost:3000", "https://localhost:3000"),
        ] {
            let base: BaseUrl = text
                .parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(base.to_string(), expected, "{text}");
            assert_eq!(expected.parse::<BaseUrl>().unwrap(), base, "{text}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for (text, expected) in [
            ("http://gitlab.acme.com", UrlError::Insecure),
            ("http://localhost.evil.com", UrlError::Insecure),
            ("ftp://gitlab.com", UrlError::Insecure),
            ("https://user@gitlab.com", UrlError::Userinfo),
            ("https://user:pass@gitlab.com", UrlError::Userinfo),
            ("https://gitlab.com?x=1", UrlError::Query),
            ("https://gitlab.com/#x", UrlError::Fragment),
            ("https://gitlab.com/a/../b", UrlError::DotSegment),
            ("https://gitlab.com/%2e%2e/b", UrlError::Character),
            ("https://gitlab.com\\@evil.com", UrlError::Userinfo),
            ("https://gitlab.com\\evil", UrlError::Character),
            ("https://git lab.com", UrlError::Character),
            ("https://gitlab.com/a//b", UrlError::Character),
            ("https://gitlab.com/ä", UrlError::Character),
            ("https://gitlab.com:0", UrlError::Port),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(expected), "{text}");
        }
        for text in [
            "",
            "https://",
            "https://gitlab..com",
            "https://gitlab.com:99999",
            "https://*.acme.com",
            "a_b:c:d",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn has_parts_and_keeps_its_prefix() {
        let base: BaseUrl = "https://[::1]:8443/gitlab".parse().unwrap();
        assert_eq!(
            (base.host(), base.port(), base.path_prefix()),
            ("::1", 8443, "/gitlab")
        );
        assert_eq!(base.scheme(), Scheme::Https);
        assert_eq!(
            base.join("/oauth/token").as_str(),
            "https://[::1]:8443/gitlab/oauth/token"
        );
        assert_eq!(
            base.join("/a?b=c").as_str(),
            "https://[::1]:8443/gitlab/a?b=c"
        );

        let root: BaseUrl = "gitlab.com".parse().unwrap();
        assert_eq!((root.port(), root.path_prefix()), (443, ""));
        assert_eq!(
            root.join("/oauth/token").as_str(),
            "https://gitlab.com/oauth/token"
        );
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        for (path, prefix, expected) in [
            ("/gitlab/api", "/gitlab", Some("/api")),
            ("/gitlab", "/gitlab", Some("/")),
            ("/gitlab-ci/api", "/gitlab", None),
            ("/other", "/gitlab", None),
            ("/api", "", Some("/api")),
        ] {
            assert_eq!(strip_path_prefix(path, prefix), expected, "{path}");
        }
    }
}
