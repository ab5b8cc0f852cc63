//! What carries a credential in a request, and how it is removed.

use authsome_providers::Carriers;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::name_lengths::NameLengths;
use super::placeholder::{self, Others};
use crate::credential::ready::set_target;
use crate::defence::Defence;

/// Removes every carrier of a credential.
pub(in crate::proxy) fn strip(parts: &mut Parts, headers: &[HeaderName], carriers: &Carriers) {
    if !Defence::Carriers.stands() {
        return;
    }
    // Most requests have none or one of them.
    let sent = parts.headers.keys().fold(0, |all, name| all | mark(name));
    for name in headers.iter().filter(|name| sent & mark(name) != 0) {
        parts.headers.remove(name);
    }
    strip_query(parts, carriers, |_| true);
}

/// The names of the carriers that the request has.
pub(in crate::proxy) fn names_in(
    parts: &Parts,
    headers: &[HeaderName],
    carriers: &Carriers,
) -> Vec<String> {
    let headers = headers
        .iter()
        .filter(|name| parts.headers.contains_key(*name));
    let pairs = parts.uri.query().unwrap_or_default().split(SEPARATORS);
    let pairs = pairs.filter(|pair| carries(pair, carriers));
    let names = pairs.map(|pair| format!("?{}", pair.split('=').next().unwrap_or_default()));
    headers.map(ToString::to_string).chain(names).collect()
}

/// A bit by which most fields differ: by the length and the first letter of their names.
fn mark(name: &HeaderName) -> u64 {
    let name = name.as_str().as_bytes();
    let first = name.first().copied().unwrap_or_default();
    1 << ((name.len() + usize::from(first)) % 64)
}

/// Removes the carriers that hold the placeholder, and keeps the program's own credentials. For a
/// request that gets no credential of ours: a program that sends its token everywhere is then
/// served there as if it had none.
pub(in crate::proxy) fn strip_placeholders(
    parts: &mut Parts,
    headers: &[HeaderName],
    carriers: &Carriers,
    others: &Others,
) {
    keep_only(
        parts,
        headers,
        carriers,
        |value| !placeholder::is_in_value(value, others),
        |text| !placeholder::is_in_text(text, others),
    );
}

/// Removes the carriers but those whose value, or query parameter, is to be kept.
pub(super) fn keep_only(
    parts: &mut Parts,
    headers: &[HeaderName],
    carriers: &Carriers,
    keeps_value: impl Fn(&HeaderValue) -> bool,
    keeps_pair: impl Fn(&str) -> bool,
) {
    for name in headers {
        let values = parts.headers.get_all(name).iter();
        let kept: Vec<_> = values.filter(|value| keeps_value(value)).cloned().collect();
        parts.headers.remove(name);
        for value in kept {
            parts.headers.append(name, value);
        }
    }
    strip_query(parts, carriers, |pair| !keeps_pair(pair));
}

/// Removes the carriers from the query for which `goes` returns `true`.
fn strip_query(parts: &mut Parts, carriers: &Carriers, goes: impl Fn(&str) -> bool) {
    let Some(query) = parts.uri.query() else {
        return;
    };
    let goes = |pair| carries(pair, carriers) && goes(pair);
    let names = NameLengths::of(carriers.query.iter().map(String::as_str));
    if !names.may_be_in_query(query) || !query.split(SEPARATORS).any(goes) {
        return; // left as it is, byte for byte
    }
    let mut kept = String::with_capacity(query.len());
    for piece in query.split_inclusive(SEPARATORS) {
        if !goes(piece.trim_end_matches(SEPARATORS)) {
            kept.push_str(piece);
        }
    }
    let kept = kept
        .strip_suffix(SEPARATORS)
        .filter(|_| !query.ends_with(SEPARATORS))
        .unwrap_or(&kept);
    let path = parts.uri.path();
    let target = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{kept}")
    };
    set_target(parts, target);
}

/// Rack, the web interface of Ruby, splits a query at both.
pub(super) const SEPARATORS: [char; 2] = ['&', ';'];

/// Whether a query parameter is a carrier, as Rack reads it: names are decoded before they are
/// compared, brackets before a name are dropped, and `name[]` is a list of that name.
pub(super) fn carries(pair: &str, carriers: &Carriers) -> bool {
    let brackets = ['[', ']'];
    let name = pair.split('=').next().unwrap_or_default();
    if name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return carriers.query.iter().any(|carrier| carrier == name); // nothing to decode
    }
    let name = name.replace('+', " ");
    let name = percent_decode_str(&name).decode_utf8_lossy();
    let name = name
        .trim()
        .trim_start_matches(brackets)
        .split(brackets)
        .next()
        .unwrap_or_default();
    carriers.query.iter().any(|carrier| carrier == name)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use http::Request;

    use super::*;

    fn carriers() -> Carriers {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Carriers {
            headers: names(&["authorization", "private-token", "job-token"]),
            query: names(&["private_token", "access_token"]),
            ..Carriers::default()
        }
    }

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn query_carriers_go_and_the_rest_stays_byte_for_byte() {
        let table = [
            ("/u?private_token=p", "/u"),
            ("/u?a=%2F&private_token=p&b=+", "/u?a=%2F&b=+"),
            ("/u?private%5Ftoken=p&x", "/u?x"),
            ("/u?private_token[]=p", "/u"),
            ("/u?access_token=p&private_token=q&", "/u"),
            ("/u?a=1;private_token=p;b=2", "/u?a=1;b=2"),
            ("/u?[access_token]=p&a=1", "/u?a=1"),
            ("/u?]private_token=p", "/u"),
            ("/u?a=1&private_token=p", "/u?a=1"),
            (
                "/u?private_tokens=keep&PRIVATE_TOKEN=keep",
                "/u?private_tokens=keep&PRIVATE_TOKEN=keep",
            ),
            ("/u?a=%zz&&b", "/u?a=%zz&&b"),
        ];
        for (before, after) in table {
            let mut parts = parts(before, &[]);
            strip(&mut parts, &[], &carriers());
            assert_eq!(parts.uri.to_string(), after, "{before}");
        }
    }

    #[test]
    fn every_carrier_among_the_headers_goes() {
        let names = carriers().headers;
        let parsed: Vec<HeaderName> = names.iter().map(|name| name.parse().unwrap()).collect();
        for name in &names {
            let sent = [(name.as_str(), "a"), ("accept", "b"), (name.as_str(), "c")];
            let mut parts = parts("/", &sent);
            strip(&mut parts, &parsed, &carriers());
            let left: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(left, ["accept"], "{name}");
        }
    }

    #[test]
    fn only_carriers_with_the_placeholder_go_where_no_credential_comes() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let placeholder = crate::env::env_vars::PLACEHOLDER;
        let (bearer, of_basic) = (
            format!("Bearer {placeholder}"),
            basic(&format!("ada:{placeholder}")),
        );
        let own = basic("client:secret");
        let sent = [
            ("authorization", bearer.as_str()),
            ("authorization", own.as_str()),
            ("authorization", of_basic.as_str()),
            ("private-token", placeholder),
            ("job-token", "mine"),
            ("x-token", placeholder),
        ];
        let uri = format!(
            "/p?a=1&private_token={placeholder}&access_token=mine&t={placeholder}&access_token=authsome%2Dproxy-managed"
        );
        let mut parts = parts(&uri, &sent);
        let carriers = carriers();
        let headers = carriers.headers.iter().map(|name| name.parse().unwrap());
        let headers: Vec<_> = headers.collect();
        strip_placeholders(&mut parts, &headers, &carriers, &Others::default());
        let left: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(left.len(), 3, "{left:?}");
        for kept in [
            ("authorization", own.as_str()),
            ("job-token", "mine"),
            ("x-token", placeholder),
        ] {
            assert!(left.contains(&kept), "{left:?}");
        }
        assert_eq!(
            parts.uri.to_string(),
            format!("/p?a=1&access_token=mine&t={placeholder}")
        );
    }
}
