//! Checks which web page sent a request. A browser of the run sends the requests of all its pages
//! through the proxy, and any page may send requests to any host. With the credential, each of them
//! would act as the user ("cross-site request forgery"). No page can forge the fields that are
//! checked here. Other programs that send them name the target itself.

use http::header::{HeaderMap, HeaderName, ORIGIN};
use http::uri::Authority;

/// Fetch Metadata: how the page and the target are related.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page of another origin sent the request. `same-site` counts as another origin, because
/// other hosts of the site may belong to anybody.
pub(in crate::proxy) fn is_of_another_origin(headers: &HeaderMap, target: &Authority) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let mut origins = headers.get_all(ORIGIN).iter();
    sites.any(|site| site != "same-origin" && site != "none")
        || origins.any(|origin| !is_of(target, origin.as_bytes()))
}

/// Whether an origin is the target's. Browsers send no path with it (RFC 6454 §7.1), but other
/// programs put their base URL there.
fn is_of(target: &Authority, origin: &[u8]) -> bool {
    let scheme = origin.split_at_checked(SCHEME.len());
    let Some((_, rest)) = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME)) else {
        return false;
    };
    let mut parts = rest.split(|byte| b"/?#".contains(byte));
    let authority = parts.next().unwrap_or_default();
    let authority = authority.strip_suffix(b":443").unwrap_or(authority);
    authority.eq_ignore_ascii_case(target.as_str().as_bytes()) // the target has none, either
}

/// The scheme of every target. A page with another scheme has another origin.
const SCHEME: &[u8] = b"https://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_target_itself_may_ask() {
        let asks = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            !is_of_another_origin(&headers, &"gitlab.test:8443".parse().unwrap())
        };
        assert!(asks("accept", "*/*"));
        assert!(asks("sec-fetch-mode", "cors"), "Node's fetch sends it");
        assert!(asks("sec-fetch-site", "same-origin"));
        assert!(asks("sec-fetch-site", "none"), "typed by the user");
        for same in [
            "https://GitLab.test:8443",
            "HTTPS://gitlab.test:8443",
            "https://gitlab.test:8443/",
            "https://gitlab.test:8443/gitlab",
            "https://gitlab.test:8443?a",
        ] {
            assert!(asks("origin", same), "{same}");
        }
        let usual_port = |origin: &'static str| {
            let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
            !is_of_another_origin(&headers, &"gitlab.test".parse().unwrap())
        };
        assert!(usual_port("https://gitlab.test") && usual_port("https://gitlab.test:443/x"));
        assert!(!usual_port("https://gitlab.test:8443") && !usual_port("http://gitlab.test:443"));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("origin", "https://evil.test"),
            ("origin", "https://gitlab.test"),
            ("origin", "http://gitlab.test:8443"),
            ("origin", "https://gitlab.test:8443@evil.test"),
            ("origin", "https://gitlab.test:8443.evil.test/"),
            ("origin", "https://gitlab.test:8443\\@evil.test"),
            ("origin", "https://evil.test/gitlab.test:8443"),
            ("origin", "https:///gitlab.test:8443"),
            ("origin", "//gitlab.test:8443"),
            ("origin", ""),
            ("origin", "null"),
        ] {
            assert!(!asks(name, value), "{name}: {value}");
        }
    }
}
