//! Only for the fuzz targets in `fuzz/`: what must hold for all bytes that an untrusted peer may
//! send. Each function panics if it does not hold.

use crate::authority::Authority;
use crate::oauth::{AuthorizationResponse, OAuthClient, PendingAuthorization, ResponseRefused};
use crate::proxy::{graphql_properties, properties, scrub_properties};
use crate::text::is_deceptive;
use url::Url;

/// The head of a client's request (RFC 9112 §3).
pub fn request_head(bytes: &[u8]) {
    properties::request_head(bytes);
}

/// The head of a server's response (RFC 9112 §4).
pub fn response_head(bytes: &[u8]) {
    properties::response_head(bytes);
}

/// A chunked body (RFC 9112 §7.1).
pub fn chunked_body(bytes: &[u8]) {
    properties::chunked_body(bytes);
}

/// The body of a push with git (gitprotocol-pack), whose refs are checked.
pub fn git_push(bytes: &[u8]) {
    crate::proxy::git_push_properties(bytes);
}

/// A request to a GraphQL endpoint: its type of body, its query string and its body.
pub fn graphql_request(bytes: &[u8]) {
    graphql_properties::graphql_request(bytes);
}

/// A response with secrets in it, cut anywhere, is searched as if it were whole.
pub fn scrubber(bytes: &[u8]) {
    scrub_properties::scrubber(bytes);
}

/// A response in a content coding (RFC 9110 §8.4.1).
pub fn content_coding(bytes: &[u8]) {
    scrub_properties::codings(bytes);
}

/// A host and a port. What is checked must be what is sent, so every text form of an authority must
/// parse to that same authority.
pub fn authority(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for default_port in [None, Some(443)] {
        let Some(authority) = Authority::parse(text, default_port) else {
            continue;
        };
        let (host, port) = (authority.host(), authority.port());
        let is_harmless = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\%[]".contains(&byte);
        assert!(
            host.bytes().all(is_harmless) && host == host.to_ascii_lowercase(),
            "{host:?}"
        );
        let shown = authority.to_string();
        assert_eq!(Authority::parse(&shown, None).as_ref(), Some(&authority));
        assert_eq!(Authority::new(host, port).as_ref(), Some(&authority));
        let in_url = authority.in_url(443);
        assert_eq!(
            Authority::parse(&in_url, Some(443)).as_ref(),
            Some(&authority)
        );
        // The URL parser does not accept every name. If it accepts one, it must see the same host
        // and port.
        if let Ok(url) = Url::parse(&format!("https://{in_url}/")) {
            let theirs = url.host_str().unwrap_or_default();
            assert_eq!(theirs.trim_matches(['[', ']']), host);
            assert_eq!(url.port_or_known_default(), Some(port));
        }
    }
}

/// The query of a redirect to the login's own listener (RFC 6749 §4.1.2). Without the login's
/// `state` it must be refused, whatever else it contains.
pub fn callback_query(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else {
        return;
    };
    let pending = pending();
    let forged = pending.verify(AuthorizationResponse::parse(query));
    assert_eq!(forged.err(), Some(ResponseRefused::State));
    let state = pending
        .url()
        .query_pairs()
        .find(|(name, _)| name == "state");
    let (_, state) = state.expect("a request has a state");
    let verified = pending.verify(AuthorizationResponse::parse(&format!(
        "{query}&state={state}"
    )));
    if let Err(refused) = verified {
        let words = refused.to_string();
        assert!(
            !words.contains(is_deceptive),
            "{words:?} goes to a terminal"
        );
    }
}

fn pending() -> PendingAuthorization {
    let url = |text| Url::parse(text).expect("a constant URL is a URL");
    let client = OAuthClient {
        client_id: "id".to_owned(),
        client_secret: None,
        token_endpoint: url("https://gitlab.test/oauth/token"),
        revocation_endpoint: None,
        style: crate::oauth::RequestStyle::default(),
    };
    let (endpoint, issuer) = (
        url("https://gitlab.test/oauth/authorize"),
        "https://gitlab.test",
    );
    PendingAuthorization::begin(client, &endpoint, Some(issuer.to_owned()), "", &[])
        .expect("the kernel has randomness")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    type Property = fn(&[u8]);

    /// Inputs that once failed must not fail again, and machines without a fuzzer test that too.
    #[test]
    fn the_seeds_of_the_fuzz_targets_hold() {
        let properties: [(&str, Property); 9] = [
            ("authority", super::authority),
            ("callback_query", super::callback_query),
            ("chunked_body", super::chunked_body),
            ("content_coding", super::content_coding),
            ("git_push", super::git_push),
            ("graphql_request", super::graphql_request),
            ("request_head", super::request_head),
            ("response_head", super::response_head),
            ("scrubber", super::scrubber),
        ];
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        for (target, holds) in properties {
            let seeds: Vec<_> = std::fs::read_dir(seeds.join(target)).unwrap().collect();
            assert!(seeds.len() > 2, "{target} has seeds");
            for seed in seeds {
                let path = seed.unwrap().path();
                eprintln!("{}", path.display());
                holds(&std::fs::read(path).unwrap());
            }
        }
    }
}
