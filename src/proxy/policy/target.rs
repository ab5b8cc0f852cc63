//! Where a request goes: parsed once and strictly, into types that all later code can trust.

use std::borrow::Cow;

use http::request::Parts;
use http::{Version, header};
use percent_encoding::percent_decode_str;

use crate::authority::Authority;
use crate::proxy::refusal::Refusal;

/// The target of one request.
#[derive(Debug)]
pub(in crate::proxy) struct Target {
    /// The path in canonical form, for rules only. The client's own spelling is sent upstream.
    pub(in crate::proxy) path: String,
}

impl Target {
    /// Checks a request that came through a tunnel to `authority`. `Host` and `:authority` must
    /// name that very host (RFC 9110 §7.4). Otherwise a server with several hosts could serve the
    /// request for another host than the one that its credential is for ("domain fronting").
    /// `usual` is the spelling that most clients use.
    pub(in crate::proxy) fn parse(
        authority: &Authority,
        usual: &str,
        parts: &Parts,
    ) -> Result<Self, Refusal> {
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() {
            return Err(Refusal::Malformed(
                "the request has more than one Host header",
            ));
        }
        let named = parts.uri.authority().map(http::uri::Authority::as_str);
        let stated = host
            .map(|host| {
                host.to_str()
                    .map_err(|_| Refusal::Malformed("the Host header is not ASCII"))
            })
            .transpose()?;
        if named.is_none() && stated.is_none() && parts.version != Version::HTTP_10 {
            return Err(Refusal::Malformed("the request names no host"));
        }
        for name in [named, stated].into_iter().flatten() {
            if name != usual
                && Authority::parse(name, Some(authority.port())).as_ref() != Some(authority)
            {
                return Err(Refusal::Misdirected {
                    expected: authority.to_string(),
                    found: shown(name),
                });
            }
        }
        Ok(Self {
            path: canonical_path(parts.uri.path())?.into_owned(),
        })
    }
}

/// The canonical spelling of a path, for rules to compare: decoded once, with `%2F` distinct from
/// `/`, and repeated slashes as one.
///
/// A path that two servers could read differently (dot segments in any encoding, a backslash, a
/// control character) is refused, and no reading is guessed: a rule that denies a path must not be
/// bypassed by another spelling of it ("path traversal").
pub(in crate::proxy) fn canonical_path(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if is_canonical(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut canonical = String::with_capacity(raw.len());
    for segment in raw.split('/') {
        let decoded = percent_decode_str(segment).decode_utf8_lossy();
        let twice = percent_decode_str(&decoded).decode_utf8_lossy();
        if [&decoded, &twice]
            .into_iter()
            .any(|text| text.split('/').any(is_dots) || text.chars().any(is_ambiguous))
        {
            return Err(Refusal::Malformed(
                "the path has dot segments, backslashes or control characters, which servers read differently",
            ));
        }
        if segment.is_empty() {
            continue; // the servers that matter read `//` as `/`; a rule would not
        }
        canonical.push('/');
        canonical.push_str(&decoded.replace('/', "%2F"));
    }
    if raw.ends_with('/') || canonical.is_empty() {
        canonical.push('/');
    }
    Ok(Cow::Owned(canonical))
}

/// Whether a path is canonical already, as nearly all are. Each request needs this, so it is one
/// pass.
fn is_canonical(raw: &str) -> bool {
    let mut before = b' ';
    raw.bytes().all(|byte| {
        // A segment that begins with a dot needs the closer look.
        let begins_badly = before == b'/' && (byte == b'/' || byte == b'.');
        before = byte;
        PLAIN[usize::from(byte)] && !begins_badly
    }) && !raw.starts_with('.')
}

/// Bytes that stand for themselves in a path, which the percent sign does not.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let bytes = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_~.:@+,=!$&'()*;";
    let mut at = 0;
    while at < bytes.len() {
        plain[bytes[at] as usize] = true;
        at += 1;
    }
    plain
};

fn is_dots(segment: &str) -> bool {
    // For some servers, `;` starts a parameter of the segment (RFC 3986 §3.3), so `..;x` is `..` to
    // them.
    let name = segment.split(';').next().unwrap_or_default();
    name == "." || name == ".."
}

fn is_ambiguous(character: char) -> bool {
    character == '\\' || character.is_control()
}

/// A peer's text, made safe for a message.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(100)
        .collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        let table = [
            ("/api/v4/user", "/api/v4/user"),
            (
                "/api/v4/projects/group%2Fproject/access_tokens",
                "/api/v4/projects/group%2Fproject/access_tokens",
            ),
            (
                "/api/v4/projects/1/%61ccess_tokens",
                "/api/v4/projects/1/access_tokens",
            ),
            ("//api///v4/user", "/api/v4/user"),
            ("/a/b/", "/a/b/"),
            ("/", "/"),
            ("", ""),
            ("/a%20b", "/a b"),
            ("/50%25", "/50%"),
            ("/a/.well-known/x", "/a/.well-known/x"),
            ("/a/...", "/a/..."),
        ];
        for (raw, expected) in table {
            assert_eq!(canonical_path(raw).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn paths_that_two_servers_could_read_differently_are_refused() {
        for raw in [
            "/a/../b",
            "/a/./b",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/..%2fb",
            "/a/%252e%252e/b",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/a/..;x/b",
            "/a/%2e%2e%2f%2e%2e/b",
        ] {
            assert!(canonical_path(raw).is_err(), "{raw}");
        }
    }

    fn target(uri: &str, host: &[&str]) -> Result<Target, Refusal> {
        let mut request = Request::builder().uri(uri);
        for host in host {
            request = request.header("host", *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let authority = Authority::parse("gitlab.test:443", None).unwrap();
        Target::parse(&authority, "gitlab.test", &parts)
    }

    #[test]
    fn the_host_of_a_request_is_the_host_of_its_tunnel() {
        assert!(target("/x", &["gitlab.test"]).is_ok());
        assert!(target("/x", &["GITLAB.test:443"]).is_ok());
        assert!(target("https://gitlab.test/x", &[]).is_ok());
        assert!(matches!(
            target("/x", &["evil.test"]),
            Err(Refusal::Misdirected { .. })
        ));
        assert!(matches!(
            target("/x", &["gitlab.test:8443"]),
            Err(Refusal::Misdirected { .. })
        ));
        assert!(matches!(
            target("https://gitlab.test/x", &["evil.test"]),
            Err(Refusal::Misdirected { .. })
        ));
        assert!(matches!(
            target("/x", &["gitlab.test", "gitlab.test"]),
            Err(Refusal::Malformed(_))
        ));
        assert!(matches!(target("/x", &[]), Err(Refusal::Malformed(_))));
        for host in [
            "[gitlab.test]",
            "gitlab.test:+443",
            "gitlab.test: 443",
            "gitlab.test :443",
            "gitlab.test:",
            "gitlab.test,evil.test",
            "me@gitlab.test",
        ] {
            let misdirected = target("/x", &[host]);
            assert!(
                matches!(misdirected, Err(Refusal::Misdirected { .. })),
                "{host}"
            );
        }
    }
}
