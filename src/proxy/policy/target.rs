//! Where a request goes: parsed once and strictly, into types that all later code can trust.

use http::request::Parts;
use http::{Version, header};

use crate::authority::Authority;
use crate::canonical_path::{AmbiguousPath, canonical_path};
use crate::defence::Defence;
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
        if hosts.next().is_some() && Defence::TargetAuthority.stands() {
            return Err(Refusal::Malformed(
                "the request has more than one Host header",
            ));
        }
        let named = parts.uri.authority().map(http::uri::Authority::as_str);
        let is_usual = host.is_some_and(|host| host.as_bytes() == usual.as_bytes());
        let stated = host
            .filter(|_| !is_usual)
            .map(|host| {
                host.to_str()
                    .map_err(|_| Refusal::Malformed("the Host header is not ASCII"))
            })
            .transpose()?;
        if named.is_none() && host.is_none() && parts.version != Version::HTTP_10 {
            return Err(Refusal::Malformed("the request names no host"));
        }
        for name in [named, stated].into_iter().flatten() {
            if name != usual
                && Defence::TargetAuthority.stands()
                && Authority::parse(name, Some(authority.port())).as_ref() != Some(authority)
            {
                return Err(Refusal::Misdirected {
                    expected: authority.to_string(),
                    found: shown(name),
                });
            }
        }
        Ok(Self {
            path: canonical_path(parts.uri.path())
                .map_err(|AmbiguousPath| {
                    Refusal::Malformed(
                        "the path has dot segments, backslashes or control characters, which servers read differently",
                    )
                })?
                .into_owned(),
        })
    }
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
