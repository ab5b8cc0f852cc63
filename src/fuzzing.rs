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

/// A request's path. What is canonical has one reading: no dot segment, in no encoding, and nothing
/// that servers take for a slash.
pub fn canonical_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let raw = format!("/{text}");
    let Ok(canonical) = crate::canonical_path::canonical_path(&raw) else {
        return;
    };
    assert!(
        canonical.starts_with('/') && !canonical.contains("//"),
        "{canonical:?}"
    );
    let once = percent_encoding::percent_decode_str(&canonical).decode_utf8_lossy();
    for path in [&*canonical, &*once] {
        let is_dots = |segment: &str| segment == "." || segment == "..";
        assert!(!path.split('/').any(is_dots), "{raw:?}: {path:?}");
        assert!(
            !path.contains(['\\', '\0', '\n', '\r']),
            "{raw:?}: {path:?}"
        );
    }
}

/// A rule about hosts, and a host behind a line break. It matches what it names, and nothing that
/// only looks like it.
pub fn host_pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (rule, host) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(rule) = rule.parse::<crate::net::host_rule::HostRule>() else {
        return;
    };
    assert_eq!(rule.to_string().parse().as_ref(), Ok(&rule));
    let Some(authority) = Authority::parse(host, Some(443)) else {
        return;
    };
    let matches = |host: &str| {
        let authority = Authority::new(host, authority.port());
        authority.is_some_and(|authority| rule.matches(&authority))
    };
    let name = authority.host();
    if rule.is_of(&authority) && name.parse::<std::net::IpAddr>().is_err() {
        for other in [
            format!("evil-{name}"),
            format!("{name}.evil.test"),
            format!("x{name}"),
        ] {
            assert!(!matches(&other), "{rule} matches {other}");
        }
    }
}

/// The definition of a provider, which a user takes from anywhere. What is read is read the same
/// again, and what is said of it can be shown.
pub fn provider_json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let source = || authsome_providers::Source::Custom("fuzzed.json".into());
    match authsome_providers::Definition::parse(text, source()) {
        Ok(definition) => {
            let again = definition.json().to_string();
            let again = authsome_providers::Definition::parse(&again, source());
            assert!(again.is_ok(), "{text:?}: {:?}", again.err());
        }
        Err(error) => {
            let _ = error.to_string();
        }
    }
}

/// What lies in the vault in place of a sealed record: it does not open, and does no harm.
pub fn sealed_record(bytes: &[u8]) {
    crate::vault::never_opens(bytes);
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
        let properties: [(&str, Property); 13] = [
            ("authority", super::authority),
            ("callback_query", super::callback_query),
            ("canonical_path", super::canonical_path),
            ("chunked_body", super::chunked_body),
            ("content_coding", super::content_coding),
            ("git_push", super::git_push),
            ("graphql_request", super::graphql_request),
            ("host_pattern", super::host_pattern),
            ("provider_json", super::provider_json),
            ("request_head", super::request_head),
            ("response_head", super::response_head),
            ("scrubber", super::scrubber),
            ("sealed_record", super::sealed_record),
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
