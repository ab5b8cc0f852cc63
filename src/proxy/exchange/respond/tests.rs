//! The responses as they go to a client.

use std::fmt::Write;
use std::time::Duration;

use authsome_test_support::assert_words;

use super::*;
use crate::credential::ConnectionId;
use crate::credential::signature::NotSignable;
use crate::net::address_kind::AddressKind;
use crate::net::dial::Shortage;
use crate::net::tls::{TlsRemedy, TlsTrouble};
use crate::proxy::refusal::Denial;

fn host() -> String {
    "gitlab.com:443".to_owned()
}

fn reason() -> String {
    "connection refused".to_owned()
}

fn credentials() -> [CredentialError; 5] {
    let id = || ConnectionId {
        provider: "gitlab".parse().unwrap(),
        name: "work".parse().unwrap(),
    };
    [
        CredentialError::NeedsLogin {
            id: id(),
            reason: "gitlab.com refused: invalid_grant".to_owned(),
        },
        CredentialError::Moved { id: id() },
        CredentialError::Removed { id: id() },
        CredentialError::Unavailable {
            id: id(),
            reason: "gitlab.com answered 503".to_owned(),
            retry_after: Duration::from_secs(5),
        },
        CredentialError::Vault { reason: reason() },
    ]
}

fn of_the_request() -> Vec<Refusal> {
    let ids = ["gitlab/home", "gitlab/work"].map(str::to_owned);
    vec![
        Refusal::Abandoned,
        Refusal::Ambiguous(ids.to_vec()),
        Refusal::AnotherOrigin,
        Refusal::AnotherUser,
        Refusal::Guarded {
            provider: "gitlab".to_owned(),
            rule: "deploy-key".to_owned(),
            reason: "it makes a credential that outlives the session".to_owned(),
        },
        Refusal::HeadTooLarge,
        Refusal::Loop,
        Refusal::Malformed("the request has two lengths"),
        Refusal::NotSignable(NotSignable::Unsigned),
        Refusal::Method("TRACE"),
        Refusal::Misdirected {
            expected: host(),
            found: "example.com:443".to_owned(),
        },
        Refusal::Moved("https://forge.test/a/_git/b/info/refs".to_owned()),
        Refusal::Placeholder("the path"),
        Refusal::PlaceholderInClear,
        Refusal::ProxyAuthentication,
        Refusal::SshWithoutCredential("gitlab.test:22".to_owned()),
        Refusal::Starved {
            host: host(),
            shortage: Shortage::OpenFiles { most: 1024 },
        },
        Refusal::Unmanaged("example.com:443".to_owned()),
        Refusal::Address {
            host: "metadata.test:80".to_owned(),
            address: [169, 254, 169, 254].into(),
            kind: AddressKind::LinkLocal,
        },
        Refusal::Budget {
            limit: "gitlab=100/min".to_owned(),
            again: Some(Duration::from_secs(12)),
        },
        Refusal::Budget {
            limit: "requests=5000".to_owned(),
            again: None,
        },
        Refusal::Push {
            reason: "this run may not push to main".to_owned(),
            advice: "git push origin HEAD:agent/NAME".to_owned(),
            report: None,
        },
        Refusal::Policy(Box::new(Denial {
            rule: "deny-path",
            reason: "GET /api/v4/x is denied (deny-path gitlab=/api/v4/x, by config.toml)"
                .to_owned(),
            hint: "to permit it, the user can start the run without that rule".to_owned(),
        })),
    ]
}

fn of_the_provider() -> Vec<Refusal> {
    let (host, seconds) = (host(), 30);
    vec![
        Refusal::ConnectTimeout {
            host: host.clone(),
            seconds,
        },
        Refusal::UpstreamMalformed {
            host: host.clone(),
            reason: "its response has two lengths".to_owned(),
        },
        Refusal::UpstreamTimeout {
            host: host.clone(),
            seconds,
        },
        Refusal::UpstreamTls {
            host: host.clone(),
            trouble: TlsTrouble::from("it broke off".to_owned()),
            connection: None,
        },
        Refusal::UpstreamUnreachable {
            host,
            reason: reason(),
        },
    ]
}

/// The variant's name, and the response as it goes to the client.
fn shown(refusals: &[Refusal]) -> String {
    let mut text = String::new();
    for refusal in refusals {
        let debug = format!("{refusal:?}");
        let name = debug.split([' ', '(']).next().unwrap();
        let (parts, body) = from_refusal(refusal).into_parts();
        let ResponseBody::Whole(Some(body)) = &body else {
            panic!("{name} has no body");
        };
        writeln!(text, "Refusal::{name}\nHTTP/1.1 {}", parts.status).unwrap();
        for (name, value) in &parts.headers {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        writeln!(text, "\n{}", String::from_utf8(body.to_vec()).unwrap()).unwrap();
    }
    text
}

#[test]
fn refusals_of_what_a_client_sends() {
    assert_words!("refusals", "request", shown(&of_the_request()));
}

#[test]
fn refusals_for_want_of_a_provider() {
    assert_words!("refusals", "upstream", shown(&of_the_provider()));
}

#[test]
fn refusals_for_want_of_a_credential() {
    let refusals = credentials().map(Refusal::Credential);
    assert_words!("refusals", "credential", shown(&refusals));
}

#[test]
fn git_gets_a_text_which_it_shows() {
    let [needs_login, ..] = credentials().map(Refusal::Credential);
    let kind = |name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        let (parts, body) = to_client(&needs_login, &headers).into_parts();
        let ResponseBody::Whole(Some(body)) = &body else {
            panic!("it has no body");
        };
        let kind = parts.headers[CONTENT_TYPE].to_str().unwrap().to_owned();
        (kind, String::from_utf8(body.to_vec()).unwrap())
    };
    for (name, value) in [
        ("user-agent", "git/2.39.5"),
        ("accept", "application/x-git-upload-pack-result"),
        ("git-protocol", "version=2"),
    ] {
        let (kind, text) = kind(name, value);
        assert_eq!(kind, "text/plain; charset=utf-8");
        assert!(
            text.starts_with("authsome: the connection gitlab/work needs"),
            "{text}"
        );
        assert!(text.contains("\nhint: ask the user"), "{text}");
    }
    for (name, value) in [("user-agent", "git-lfs/3.3.0"), ("accept", "*/*")] {
        assert_eq!(kind(name, value).0, "application/json");
    }
}

#[test]
fn what_helps_against_a_handshake_that_fails() {
    let remedies = [
        TlsRemedy::ClientCertificate,
        TlsRemedy::Modern,
        TlsRemedy::OtherAddress,
        TlsRemedy::Renewal,
        TlsRemedy::ServerCertificate,
        TlsRemedy::Trust,
        TlsRemedy::Unknown,
    ];
    let hints = remedies.map(|remedy| format!("{remedy:?}: {}\n", tls_hint(remedy, None)));
    assert_words!("refusals", "tls_hints", hints.concat());
}
