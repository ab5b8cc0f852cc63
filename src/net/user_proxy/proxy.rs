//! One of the user's proxies, parsed from a variable's value.

use std::ffi::OsStr;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A variable that does not name a usable proxy. Its value may hold a password, so it is never
/// shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} does not name a proxy that can be used: {problem}")]
pub struct UserProxyError {
    variable: &'static str,
    problem: &'static str,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 4, which accepts IPv4 addresses only.
    Socks4,
    /// SOCKS 4a, which resolves names.
    Socks4a,
    /// SOCKS 5 with addresses that are resolved here.
    Socks5,
    /// SOCKS 5 with names that the proxy resolves.
    Socks5h,
}

impl ProxyKind {
    /// The kind for a URL scheme, and its default port.
    fn of(scheme: &str) -> Option<(Self, u16)> {
        Some(match scheme {
            "http" => (Self::Http, 80),
            "https" => (Self::Https, 443),
            // Desktops write `socks://`, which curl treats as SOCKS 4.
            "socks4" | "socks" => (Self::Socks4, 1080),
            "socks4a" => (Self::Socks4a, 1080),
            "socks5" => (Self::Socks5, 1080),
            "socks5h" => (Self::Socks5h, 1080),
            _ => return None,
        })
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// Whether it takes requests in absolute form and `CONNECT`.
    pub fn speaks_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// A proxy of the user.
#[derive(Debug)]
pub struct UserProxy {
    kind: ProxyKind,
    /// A name or an address; an IPv6 address has no brackets.
    host: String,
    port: u16,
    login: Option<Login>,
    variable: &'static str,
}

/// The user's credentials at a proxy.
#[derive(Debug)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password; SOCKS 4 does not use it.
    pub password: Secret<String>,
}

impl UserProxy {
    pub(super) fn parse(variable: &'static str, value: &OsStr) -> Result<Self, UserProxyError> {
        let wrong = |problem| UserProxyError { variable, problem };
        let value = value.to_str().ok_or(wrong("it is not UTF-8"))?.trim();
        let url = if value.contains("://") {
            Url::parse(value)
        } else {
            Url::parse(&format!("http://{value}"))
        };
        let url = url.map_err(|_| wrong("it is no URL; in a user name and a password, special characters are written as %XX"))?;
        let (kind, usual_port) = ProxyKind::of(url.scheme()).ok_or(wrong(
            "its scheme is none of http, https, socks4, socks4a, socks5, socks5h",
        ))?;
        // `http://user:1/2@host` is a valid URL too, but its host is `user`.
        let behind_host = [Some(url.path()), url.query(), url.fragment()];
        if behind_host.iter().flatten().any(|part| part.contains('@')) {
            return Err(wrong(
                "in a user name and a password, / ? and # are written as %2F, %3F and %23",
            ));
        }
        let host = host_of(&url).ok_or(wrong("it names no host"))?;
        let port = url.port().unwrap_or(usual_port);
        if port == 0 {
            return Err(wrong("its port is 0"));
        }
        Ok(Self {
            kind,
            host,
            port,
            login: Login::of(&url),
            variable,
        })
    }

    /// Its protocol.
    pub fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its name or address, the latter without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The variable that names it.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// The user's credentials there.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The credentials as a `Proxy-Authorization` field for HTTP (RFC 7617), marked as sensitive.
    pub fn basic_authorization(&self) -> Option<HeaderValue> {
        let login = self.login.as_ref()?;
        let pair = Zeroizing::new(format!("{}:{}", login.user, login.password.expose()));
        let basic = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(&*pair)));
        let mut value = HeaderValue::from_str(&basic).ok()?; // base64 is always a valid field value
        value.set_sensitive(true);
        Some(value)
    }
}

/// For messages: leaves out the user name and the password.
impl fmt::Display for UserProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, place) = (self.kind.scheme(), HostAndPort(self));
        write!(f, "the proxy {scheme}://{place} ({})", self.variable)
    }
}

/// Host and port as in a URL.
struct HostAndPort<'a>(&'a UserProxy);

impl fmt::Display for HostAndPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(UserProxy { host, port, .. }) = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

impl Login {
    fn of(url: &Url) -> Option<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(Self {
            user: decoded(url.username()),
            password: Secret::new(decoded(url.password().unwrap_or_default())),
        })
    }
}

/// A host that every later step accepts. For schemes that it does not know, `url` alone would
/// accept more.
fn host_of(url: &Url) -> Option<String> {
    match Host::parse(url.host_str()?).ok()? {
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
        Host::Domain(name) => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            name.bytes().all(allowed).then_some(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn https(value: &str) -> Result<UserProxy, UserProxyError> {
        UserProxy::parse("HTTPS_PROXY", value.as_ref())
    }

    #[test]
    fn proxies_are_read_as_they_are_written() {
        let table = [
            ("proxy.corp:3128", "http://proxy.corp:3128"),
            ("http://proxy.corp", "http://proxy.corp:80"),
            ("HTTP://Proxy.CORP:80/", "http://proxy.corp:80"),
            (" https://proxy.corp ", "https://proxy.corp:443"),
            ("https://10.0.0.1:8443/", "https://10.0.0.1:8443"),
            ("http://[::1]:3128", "http://[::1]:3128"),
            ("socks://localhost:1/", "socks4://localhost:1"),
            ("socks4a://my_proxy", "socks4a://my_proxy:1080"),
            ("socks5h://Proxy.CORP", "socks5h://proxy.corp:1080"),
            ("socks5://[2001:db8::1]", "socks5://[2001:db8::1]:1080"),
        ];
        for (value, expected) in table {
            let proxy = https(value).unwrap();
            let shown = format!("the proxy {expected} (HTTPS_PROXY)");
            assert_eq!(proxy.to_string(), shown, "{value}");
            assert!(proxy.login().is_none() && proxy.basic_authorization().is_none());
        }
    }

    #[test]
    fn a_login_is_decoded() {
        let table = [
            ("http://ada:secret@proxy:1", "ada", "secret"),
            ("ada:secret@proxy:1", "ada", "secret"),
            ("http://ada@proxy:1", "ada", ""),
            ("socks5://:secret@proxy:1", "", "secret"),
            (
                "http://DOM%5Cada:p%40s%2Fs%20%25@proxy:1",
                "DOM\\ada",
                "p@s/s %",
            ),
            ("http://ada:p@ss@proxy:1", "ada", "p@ss"),
            ("socks5h://ada:100%&{'\"}@proxy:1", "ada", "100%&{'\"}"),
            ("https://ad\u{e4}:\u{fc}@proxy:1", "ad\u{e4}", "\u{fc}"),
        ];
        for (value, user, password) in table {
            let proxy = https(value).unwrap();
            let login = proxy.login().unwrap();
            assert_eq!(
                (&*login.user, &**login.password.expose()),
                (user, password),
                "{value}"
            );
            assert_eq!(proxy.port(), 1, "{value}");
        }
        let authorization = https("http://ada:p%40ss@proxy")
            .unwrap()
            .basic_authorization()
            .unwrap();
        assert_eq!(authorization, "Basic YWRhOnBAc3M=");
        assert!(authorization.is_sensitive());
    }

    #[test]
    fn what_is_no_proxy_is_an_error_that_names_the_variable_and_not_the_value() {
        for value in [
            "http://user:hunter2#x@proxy:1",
            "http://user:hunter2/x@proxy:1",
            "http://user:12/hunter2@proxy",
            "http://user:12?hunter2@proxy",
            "http://user:12#hunter2@proxy",
            "http://user:hunter2@",
            "http://user:hunter2@proxy:0",
            "http://user:hunter2@proxy:port",
            "http://user:hunter2@pro xy:1",
            "socks5://user:hunter2@pro\"xy:1",
            "socks5:///hunter2",
            "ftp://user:hunter2@proxy",
            "user:hunter2://x@proxy",
            "://hunter2",
        ] {
            let error = https(value).map(|proxy| proxy.to_string()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains("HTTPS_PROXY") && !shown.contains("hunter2"),
                "{value}: {shown}"
            );
        }
        let bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"http://\xff");
        assert!(UserProxy::parse("HTTPS_PROXY", bytes).is_err());
    }
}
