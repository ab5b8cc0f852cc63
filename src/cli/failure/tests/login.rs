//! Errors of logins and of authorization servers.

use super::*;

#[test]
fn of_an_authorization_server() {
    let refused = |code: &str, description: Option<&str>| OAuthError::Refused {
        host: host(),
        code: code.to_owned(),
        description: description.map(str::to_owned),
    };
    let errors = [
        (
            "OAuthError::Malformed",
            OAuthError::Malformed {
                host: host(),
                reason: "missing field `access_token`".to_owned(),
            },
        ),
        (
            "OAuthError::Metadata",
            OAuthError::Metadata {
                host: host(),
                reason: "it names another issuer, https://evil.test".to_owned(),
            },
        ),
        (
            "OAuthError::NoMetadata",
            OAuthError::NoMetadata { host: host() },
        ),
        ("OAuthError::NoRevocation", OAuthError::NoRevocation),
        (
            "OAuthError::NotJson",
            OAuthError::NotJson {
                host: host(),
                status: 200,
                content_type: "text/html".to_owned(),
            },
        ),
        (
            "OAuthError::Random",
            OAuthError::Random(getrandom::Error::UNSUPPORTED),
        ),
        (
            "OAuthError::Redirected",
            OAuthError::Redirected {
                host: host(),
                status: 302,
                location: "sso.acme.com".to_owned(),
            },
        ),
        (
            "OAuthError::Refused, for the application",
            refused("invalid_client", Some("Client authentication failed")),
        ),
        (
            "OAuthError::Refused, for another reason",
            refused("invalid_grant", None),
        ),
        (
            "OAuthError::Status",
            OAuthError::Status {
                host: host(),
                status: 503,
                retry_after: None,
            },
        ),
        (
            "OAuthError::Starved",
            OAuthError::Starved {
                host: host(),
                shortage: Shortage::OpenFiles { most: 1024 },
            },
        ),
        (
            "OAuthError::Timeout",
            OAuthError::Timeout {
                host: host(),
                sent: false,
            },
        ),
        (
            "OAuthError::TooLarge",
            OAuthError::TooLarge {
                host: host(),
                limit: 65_536,
            },
        ),
        ("OAuthError::Trust", OAuthError::Trust(TrustError::Empty)),
        (
            "OAuthError::Unreachable",
            OAuthError::Unreachable {
                host: host(),
                reason: "connection refused".to_owned(),
                sent: false,
            },
        ),
    ];
    assert_words!("errors", "authorization_server", shown(errors));
}

/// Errors that rustls reports for a handshake, by what helps against them.
#[test]
fn of_tls() {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};
    let alert = |alert| Error::AlertReceived(alert);
    let certificate = |error| Error::InvalidCertificate(error);
    let time = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
    let named = |presented: &[&str]| Certificate::NotValidForNameContext {
        expected: "gitlab.acme.com".try_into().unwrap(),
        presented: presented.iter().map(|&name| name.to_owned()).collect(),
    };
    let handshakes = [
        (
            "an unknown authority",
            certificate(Certificate::UnknownIssuer),
        ),
        (
            "an end that has passed",
            certificate(Certificate::ExpiredContext {
                time,
                not_after: time,
            }),
        ),
        (
            "a beginning that has not come",
            certificate(Certificate::NotValidYetContext {
                time,
                not_before: time,
            }),
        ),
        ("no subjectAltName", certificate(named(&[]))),
        (
            "another name",
            certificate(named(&["DnsName(\"acme.com\")", "IpAddress(127.0.0.1)"])),
        ),
        ("a revoked certificate", certificate(Certificate::Revoked)),
        ("no cipher suite", alert(Alert::HandshakeFailure)),
        ("no protocol version", alert(Alert::ProtocolVersion)),
        ("a client certificate", alert(Alert::CertificateRequired)),
        ("a refused client certificate", alert(Alert::UnknownCA)),
        ("an unknown name", alert(Alert::UnrecognisedName)),
        ("another alert", alert(Alert::InternalError)),
        (
            "no TLS at all",
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
        ),
        (
            "a peer of another kind",
            Error::PeerIncompatible(rustls::PeerIncompatible::KeyShareExtensionRequired),
        ),
        ("something else", Error::HandshakeNotComplete),
    ];
    let errors = handshakes.map(|(name, error)| {
        let error = OAuthError::Tls {
            host: host(),
            trouble: TlsTrouble::from(&error),
        };
        (name, error)
    });
    assert_words!(
        "errors",
        "tls",
        format!("OAuthError::Tls\n\n{}", shown(errors))
    );
}

#[test]
fn of_a_flow() {
    let errors = [
        (
            "LoginError::CodeExpired",
            LoginError::CodeExpired {
                uri: "https://gitlab.acme.com/device".to_owned(),
            },
        ),
        (
            "LoginError::KeyRefused",
            LoginError::KeyRefused {
                host: host(),
                what: "key",
            },
        ),
        ("LoginError::NoApplication", LoginError::NoApplication),
        (
            "LoginError::NoEndpoint",
            LoginError::NoEndpoint("device authorization"),
        ),
        (
            "LoginError::NoInstance",
            LoginError::NoInstance {
                suffix: "salesforce.com".to_owned(),
            },
        ),
        (
            "LoginError::NotRegistered",
            LoginError::NotRegistered {
                host: host(),
                reason: "redirect URIs must be https".to_owned(),
            },
        ),
    ];
    assert_words!("errors", "login_flow", shown(errors));
}

#[test]
fn of_a_login() {
    let not_stored = |revocation| LoginError::NotStored {
        source: Box::new(StoreError::Vault(VaultError::NoRoom(path("vault.db")))),
        revocation,
    };
    let errors = [
        (
            "BindError::Random",
            LoginError::Bind(BindError::Random(getrandom::Error::UNSUPPORTED)),
        ),
        (
            "LoginError::Cancelled",
            LoginError::Cancelled { revoked: None },
        ),
        (
            "LoginError::Cancelled, revoked",
            LoginError::Cancelled {
                revoked: Some(true),
            },
        ),
        (
            "LoginError::Cancelled, not revoked",
            LoginError::Cancelled {
                revoked: Some(false),
            },
        ),
        (
            "LoginError::AnotherService",
            LoginError::AnotherService {
                host: host(),
                provider: "GitLab".to_owned(),
                reason: "its token endpoint is auth.acme.com/token".to_owned(),
            },
        ),
        (
            "LoginError::Deadline",
            LoginError::Deadline { revoked: None },
        ),
        (
            "LoginError::Deadline, revoked",
            LoginError::Deadline {
                revoked: Some(true),
            },
        ),
        (
            "LoginError::Declined, revoked",
            LoginError::Declined { revoked: true },
        ),
        (
            "LoginError::Declined, not revoked",
            LoginError::Declined { revoked: false },
        ),
        (
            "LoginError::Denied",
            LoginError::Denied(crate::oauth::ResponseRefused::Denied {
                code: "access_denied".to_owned(),
                description: Some("The resource owner denied the request.".to_owned()),
            }),
        ),
        (
            "LoginError::Exists",
            LoginError::Exists {
                id: id(),
                revoked: None,
            },
        ),
        (
            "LoginError::Exists, not revoked",
            LoginError::Exists {
                id: id(),
                revoked: Some(false),
            },
        ),
        ("LoginError::NothingToResume", LoginError::NothingToResume),
        (
            "LoginError::Denied, another login's",
            LoginError::Denied(crate::oauth::ResponseRefused::State),
        ),
        (
            "LoginError::KeyUnusable",
            LoginError::KeyUnusable {
                label: "API key".to_owned(),
                fault: "it begins with k-".to_owned(),
            },
        ),
        ("LoginError::Unattended", LoginError::Unattended),
        ("LoginError::NotStored, revoked", not_stored(None)),
        (
            "LoginError::NotStored, not revoked",
            not_stored(Some(Box::new(OAuthError::NoRevocation))),
        ),
        (
            "LoginError::OAuth",
            LoginError::OAuth(OAuthError::NoRevocation),
        ),
        ("LoginError::Store", LoginError::Store(StoreError::Conflict)),
    ];
    assert_words!("errors", "login", shown(errors));
}
