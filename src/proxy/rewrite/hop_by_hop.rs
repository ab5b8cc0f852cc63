//! Fields that are for one connection only, and are not forwarded (RFC 9110 §7.6.1).

use crate::defence::Defence;
use http::header::{ALT_SVC, CONNECTION, COOKIE, HeaderMap, HeaderName, HeaderValue, TE};

/// Which fields of a message need work. Most messages have none of them, which one pass shows.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing to look at, and none excludes another"
)]
pub(in crate::proxy) struct HeaderFlags {
    /// `Connection`, or a field that is hop-by-hop whether `Connection` lists it or not.
    hop_by_hop: bool,
    cookie: bool,
    te: bool,
    alt_svc: bool,
    /// The client waits for a 100 before it sends its body.
    pub(in crate::proxy) expect: bool,
    /// A field replaces the method.
    pub(in crate::proxy) overrides_method: bool,
    /// A browser says which page sent the request.
    pub(in crate::proxy) page: bool,
    /// The client asks for a part.
    pub(in crate::proxy) range: bool,
}

impl HeaderFlags {
    pub(in crate::proxy) fn of(headers: &HeaderMap) -> Self {
        let mut flags = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                name if is_hop_by_hop(name) => flags.hop_by_hop = true,
                "alt-svc" => flags.alt_svc = true,
                "cookie" => flags.cookie = true,
                "expect" => flags.expect = true,
                "origin" | "sec-fetch-site" => flags.page = true,
                "range" => flags.range = true,
                "te" => flags.te = true,
                "x-http-method" | "x-http-method-override" | "x-method-override" => {
                    flags.overrides_method = true;
                }
                _ => {}
            }
        }
        flags
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Prepares a request's headers for the next hop.
pub(in crate::proxy) fn clean_request(headers: &mut HeaderMap, flags: HeaderFlags) {
    // `TE: trailers` is the one value that is forwarded: gRPC servers insist on it.
    let trailers = flags.te
        && headers.get_all(TE).iter().any(|value| {
            value.to_str().is_ok_and(|text| {
                text.split(',')
                    .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
            })
        });
    if flags.hop_by_hop && Defence::HopByHop.stands() {
        strip(headers);
    }
    if flags.te {
        headers.remove(TE);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if flags.cookie {
        join_cookies(headers);
    }
}

/// Prepares a response's headers for the client. `Alt-Svc` is removed: it would lead the client
/// past the proxy, to HTTP/3.
pub(in crate::proxy) fn clean_response(headers: &mut HeaderMap) {
    let flags = HeaderFlags::of(headers);
    if flags.hop_by_hop {
        strip(headers);
    }
    if flags.alt_svc && Defence::AltSvc.stands() {
        headers.remove(ALT_SVC);
    }
}

fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(str::trim)
        // Most clients and servers list only these, and neither is the name of a field.
        .filter(|name| !["keep-alive", "close"].contains(name))
        .filter_map(|name| name.parse().ok())
        // A client must not be able to remove a field that we set, or that frames the message
        // ("hop-by-hop header abuse").
        .filter(|name: &HeaderName| {
            !matches!(
                name.as_str(),
                "authorization" | "content-length" | "host" | "te"
            )
        })
        .collect();
    for name in listed {
        headers.remove(name);
    }
    while let Some(name) = headers.keys().find(|name| is_hop_by_hop(name.as_str())) {
        let name = name.clone();
        headers.remove(name);
    }
}

/// HTTP/2 may split cookies into several fields; HTTP/1.1 has one (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let joined: Vec<u8> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        // With an empty value, the joined one could end with a space, which no field value does
        // (RFC 9110 §5.5).
        .filter(|value| !value.is_empty())
        .collect::<Vec<_>>()
        .join(&b"; "[..]);
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean_request(headers: &mut HeaderMap) {
        let flags = HeaderFlags::of(headers);
        super::clean_request(headers, flags);
    }

    fn map(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        entries
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn what_connection_lists_goes_with_it() {
        let mut headers = map(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("x-end", "2"),
            ("keep-alive", "9"),
            ("proxy-authorization", "s"),
        ]);
        clean_request(&mut headers);
        assert_eq!(headers, map(&[("x-end", "2")]));
    }

    #[test]
    fn connection_cannot_remove_what_the_provider_needs() {
        let mut headers = map(&[
            ("connection", "authorization, host, content-length"),
            ("authorization", "a"),
            ("host", "h"),
            ("content-length", "1"),
        ]);
        clean_request(&mut headers);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn only_trailers_survive_of_te() {
        let mut headers = map(&[("te", "gzip, Trailers")]);
        clean_request(&mut headers);
        assert_eq!(headers, map(&[("te", "trailers")]));
        let mut headers = map(&[("te", "gzip")]);
        clean_request(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn cookies_are_one_header() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        clean_request(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1; b=2")]));
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "")]);
        clean_request(&mut headers);
        assert_eq!(headers, map(&[("cookie", "a=1")]));
    }

    #[test]
    fn responses_lead_nowhere_else() {
        let mut headers = map(&[
            ("alt-svc", "h3=\":443\""),
            ("transfer-encoding", "chunked"),
            ("etag", "x"),
        ]);
        clean_response(&mut headers);
        assert_eq!(headers, map(&[("etag", "x")]));
    }
}
