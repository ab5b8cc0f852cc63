//! The user's own proxies, as the environment names them: one choice of proxy for requests of every
//! kind.
//!
//! Programs read these variables in different ways. Here the upper-case name takes precedence (as
//! in Go), an empty variable counts as unset, and an unusable value is an error for requests that
//! would use it. To connect directly instead would bypass a proxy that the user wants.

mod exceptions;
mod for_child;
mod proxy;

use std::ffi::OsString;

use self::exceptions::Exceptions;
pub use self::proxy::{Login, ProxyKind, UserProxy, UserProxyError};

/// Used for `https` and `http` targets that have no proxy variable of their own.
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];

/// The user's proxies, and which targets they apply to.
#[derive(Debug)]
pub struct UserProxies {
    https: Option<Result<UserProxy, UserProxyError>>,
    http: Option<Result<UserProxy, UserProxyError>>,
    exceptions: Exceptions,
    /// The text of `NO_PROXY`.
    list: String,
}

impl UserProxies {
    /// Reads the environment; `variable` looks up a name in it.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let first = |names: [&'static str; 2]| {
            let mut names = names.into_iter().chain(ALL);
            names.find_map(|name| Some(UserProxy::parse(name, &filled(name)?)))
        };
        // A web server passes a request's `Proxy` header to its CGI programs as `HTTP_PROXY`
        // (CVE-2016-5385, "httpoxy"), but never as `http_proxy`.
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let http = if is_cgi { "http_proxy" } else { "HTTP_PROXY" };
        let list = filled("NO_PROXY").or_else(|| filled("no_proxy"));
        let list = list.unwrap_or_default().to_string_lossy().into_owned();
        Self {
            https: first(["HTTPS_PROXY", "https_proxy"]),
            http: first([http, "http_proxy"]),
            exceptions: Exceptions::parse(&list),
            list,
        }
    }

    /// The proxy for a host that is contacted by TLS or by an unknown protocol. An IPv6 address has
    /// no brackets.
    pub fn for_https(&self, host: &str, port: u16) -> Result<Option<&UserProxy>, UserProxyError> {
        self.choose(self.https.as_ref(), host, port)
    }

    /// The proxy for a host that is contacted by plain HTTP.
    pub fn for_http(&self, host: &str, port: u16) -> Result<Option<&UserProxy>, UserProxyError> {
        self.choose(self.http.as_ref(), host, port)
    }

    /// The entries of `NO_PROXY` that a child may have, as they are written. With these, no client
    /// reaches one of `hosts`, or a host below one of `domains`, without the proxy.
    pub fn exceptions_beside(&self, hosts: &[&str], domains: &[&str]) -> Vec<String> {
        for_child::entries(&self.list, hosts, domains)
    }

    fn choose<'a>(
        &self,
        setting: Option<&'a Result<UserProxy, UserProxyError>>,
        host: &str,
        port: u16,
    ) -> Result<Option<&'a UserProxy>, UserProxyError> {
        match setting {
            Some(_) if self.exceptions.cover(host, port) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(error)) => Err(*error),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> UserProxies {
        UserProxies::new(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    /// The proxies for `https://gitlab.test` and for `http://gitlab.test`.
    fn chosen(variables: &[(&str, &str)]) -> (String, String) {
        let proxies = proxies(variables);
        let shown = |chosen: Result<Option<&UserProxy>, UserProxyError>| match chosen {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "direct".to_owned(),
            Err(error) => error.to_string(),
        };
        (
            shown(proxies.for_https("gitlab.test", 443)),
            shown(proxies.for_http("gitlab.test", 80)),
        )
    }

    #[test]
    fn each_kind_of_target_has_its_own_variable_and_all_proxy_stands_in() {
        type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
        let table: &[Row<'_>] = &[
            (&[], "direct", "direct"),
            (
                &[("HTTPS_PROXY", "http://a:1")],
                "the proxy http://a:1 (HTTPS_PROXY)",
                "direct",
            ),
            (
                &[("http_proxy", "http://a:1")],
                "direct",
                "the proxy http://a:1 (http_proxy)",
            ),
            (
                &[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:1")],
                "the proxy http://a:1 (HTTPS_PROXY)",
                "direct",
            ),
            (
                &[("HTTPS_PROXY", ""), ("https_proxy", "http://b:1")],
                "the proxy http://b:1 (https_proxy)",
                "direct",
            ),
            (
                &[("all_proxy", "socks5://a"), ("HTTP_PROXY", "b")],
                "the proxy socks5://a:1080 (all_proxy)",
                "the proxy http://b:80 (HTTP_PROXY)",
            ),
            (
                &[("ALL_PROXY", "http://a:1"), ("HTTPS_PROXY", "")],
                "the proxy http://a:1 (ALL_PROXY)",
                "the proxy http://a:1 (ALL_PROXY)",
            ),
            (
                &[("ALL_PROXY", "http://a:1"), ("NO_PROXY", "gitlab.test")],
                "direct",
                "direct",
            ),
            (
                &[
                    ("ALL_PROXY", "http://a:1"),
                    ("NO_PROXY", ""),
                    ("no_proxy", ".test"),
                ],
                "direct",
                "direct",
            ),
        ];
        for (variables, for_https, for_http) in table {
            let (https, http) = chosen(variables);
            assert_eq!((&*https, &*http), (*for_https, *for_http), "{variables:?}");
        }
    }

    #[test]
    fn a_cgi_program_does_not_take_its_proxy_from_a_header() {
        let names = [
            ("REQUEST_METHOD", ""),
            ("HTTP_PROXY", "http://evil:1"),
            ("HTTPS_PROXY", "http://a:1"),
        ];
        let (https, http) = chosen(&names);
        assert_eq!(https, "the proxy http://a:1 (HTTPS_PROXY)");
        assert_eq!(http, "direct");
        let lower = [("REQUEST_METHOD", "GET"), ("http_proxy", "http://a:1")];
        assert_eq!(chosen(&lower).1, "the proxy http://a:1 (http_proxy)");
    }

    #[test]
    fn an_unusable_proxy_is_an_error_only_where_it_would_be_used() {
        let all = proxies(&[
            ("HTTPS_PROXY", "ftp://proxy"),
            ("http_proxy", "http://a:1"),
            ("NO_PROXY", "10.0.0.0/8"),
        ]);
        assert!(all.for_https("gitlab.test", 443).is_err());
        assert!(all.for_https("10.1.2.3", 443).unwrap().is_none());
        assert!(all.for_http("gitlab.test", 80).unwrap().is_some());
    }

    #[test]
    fn nothing_prints_the_password() {
        let proxies = proxies(&[("ALL_PROXY", "http://ada:hunter2@proxy:1")]);
        let proxy = proxies.for_https("gitlab.test", 443).unwrap().unwrap();
        let shown = format!("{proxies:?} {proxy} {:?}", proxy.basic_authorization());
        assert!(
            !shown.contains("hunter2") && !shown.contains("YWRh"),
            "{shown}"
        );
    }
}
