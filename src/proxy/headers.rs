//! What is between two neighbours only, and goes no further (RFC 9110 §7.6.1).

use http::header::{
    ALT_SVC, CONNECTION, COOKIE, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};

/// Hop-by-hop whether `Connection` lists them or not.
const HOP_BY_HOP: [HeaderName; 7] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Prepares a request's headers for the next hop.
pub(super) fn clean_request(headers: &mut HeaderMap) {
    // `TE: trailers` is the one value with a meaning end to end: gRPC servers insist on it.
    let trailers = headers.get_all(TE).iter().any(|value| {
        value.to_str().is_ok_and(|text| {
            text.split(',')
                .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
        })
    });
    strip(headers);
    headers.remove(TE);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    join_cookies(headers);
}

/// Prepares an answer's headers for the client. `Alt-Svc` would lead it around the proxy, to HTTP/3.
pub(super) fn clean_response(headers: &mut HeaderMap) {
    strip(headers);
    headers.remove(ALT_SVC);
}

fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .filter_map(|name| name.trim().parse().ok())
            // A client must not be able to name a header that we set, or that frames the message.
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
        headers.remove(CONNECTION);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// HTTP/2 splits cookies into several headers; HTTP/1.1 knows one (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let joined: Vec<u8> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect::<Vec<_>>()
        .join(&b"; "[..]);
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }

    #[test]
    fn answers_lead_nowhere_else() {
        let mut headers = map(&[
            ("alt-svc", "h3=\":443\""),
            ("transfer-encoding", "chunked"),
            ("etag", "x"),
        ]);
        clean_response(&mut headers);
        assert_eq!(headers, map(&[("etag", "x")]));
    }
}
