//! Which web page asks. A browser of the run sends the requests of every page that it opens through the proxy, and any page may ask for any
//! host: with the credential on, each would act as the user. No page can forge the headers that tell, and other programs send them for the
//! target itself, if at all.

use http::header::{HeaderMap, HeaderName, ORIGIN};
use http::uri::Authority;

/// Fetch Metadata: what the page and the target have to do with each other.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page of another origin asks: its own site's other hosts may be anybody's, too.
pub(super) fn is_of_another_origin(headers: &HeaderMap, target: &Authority) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let mut origins = headers.get_all(ORIGIN).iter();
    let is_target = |origin: &[u8]| {
        let authority = origin.strip_prefix(b"https://");
        authority
            .is_some_and(|authority| authority.eq_ignore_ascii_case(target.as_str().as_bytes()))
    };
    sites.any(|site| site != "same-origin" && site != "none")
        || origins.any(|origin| !is_target(origin.as_bytes()))
}

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
        assert!(asks("origin", "https://GitLab.test:8443"));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("origin", "https://evil.test"),
            ("origin", "https://gitlab.test"),
            ("origin", "http://gitlab.test:8443"),
            ("origin", "null"),
        ] {
            assert!(!asks(name, value), "{name}: {value}");
        }
    }
}
