//! Each error of the modules below as the terminal shows it. A variant that is new stands in none of the snapshots, which
//! `tests/it/words/complete.rs` finds.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use authsome_test_support::assert_words;

use super::*;
use crate::connection::{LoginError, StoreError};
use crate::credential::ConnectionId;
use crate::dial::Shortage;
use crate::home::HomeError;
use crate::loopback::BindError;
use crate::oauth::OAuthError;
use crate::tls::{ClientCertificateError, TlsTrouble};
use crate::vault::{KeyOrigin, VaultError};

/// The failures under the names of their causes, as they are printed, with the code in JSON and the exit code.
fn shown<E: Into<Failure>>(errors: impl IntoIterator<Item = (&'static str, E)>) -> String {
    let mut text = String::new();
    for (name, error) in errors {
        let failure: Failure = error.into();
        let exit = failure.exit as u8;
        let Failure {
            code,
            message,
            hint,
            ..
        } = failure;
        text += &[
            format!("{name} ({code}, exit code {exit})\n"),
            format!("error: {message}\nhint: {hint}\n\n"),
        ]
        .concat();
    }
    text
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/home/ada/.authsome").join(name)
}

fn os(kind: io::ErrorKind) -> io::Error {
    io::Error::from(kind)
}

fn id() -> ConnectionId {
    ConnectionId {
        provider: "gitlab".parse().unwrap(),
        name: "work".parse().unwrap(),
    }
}

fn host() -> String {
    "gitlab.acme.com".to_owned()
}

#[test]
fn of_the_home() {
    let io = |kind| HomeError::Io {
        action: "write",
        path: path("audit.log"),
        source: os(kind),
    };
    let errors = [
        ("HomeError::Io, no room", io(io::ErrorKind::StorageFull)),
        (
            "HomeError::Io, a disk that is read-only",
            io(io::ErrorKind::ReadOnlyFilesystem),
        ),
        (
            "HomeError::Io, another cause",
            io(io::ErrorKind::PermissionDenied),
        ),
        (
            "HomeError::LockTimeout",
            HomeError::LockTimeout {
                path: path("locks/gitlab"),
                waited: Duration::from_secs(30),
            },
        ),
        (
            "HomeError::NotADirectory",
            HomeError::NotADirectory(path("")),
        ),
        (
            "HomeError::NotOwned",
            HomeError::NotOwned {
                path: path(""),
                owner: 1001,
            },
        ),
        (
            "HomeError::TooOpen",
            HomeError::TooOpen {
                path: path(""),
                mode: 0o755,
            },
        ),
        ("HomeError::Unset", HomeError::Unset),
    ];
    assert_words!("errors", "home", shown(errors));
}

#[test]
fn of_the_vault() {
    let vault = || path("vault.db");
    let key = || KeyOrigin::File(path("master.key"));
    let errors = [
        ("VaultError::Conflict", VaultError::Conflict),
        (
            "VaultError::Corrupt",
            VaultError::Corrupt {
                path: vault(),
                reason: "file is not a database".to_owned(),
            },
        ),
        ("VaultError::Home", VaultError::Home(HomeError::Unset)),
        (
            "VaultError::KeyMalformed, of the environment",
            VaultError::KeyMalformed(KeyOrigin::Environment),
        ),
        (
            "VaultError::KeyMalformed, of the file",
            VaultError::KeyMalformed(key()),
        ),
        (
            "VaultError::KeyMissing",
            VaultError::KeyMissing(path("master.key")),
        ),
        ("VaultError::Locked", VaultError::Locked(vault())),
        ("VaultError::NoRoom", VaultError::NoRoom(vault())),
        (
            "VaultError::Random",
            VaultError::Random(getrandom::Error::UNSUPPORTED),
        ),
        ("VaultError::ReadOnly", VaultError::ReadOnly(vault())),
        (
            "VaultError::RecordLocked",
            VaultError::RecordLocked {
                lock: path("refresh-gitlab@work.lock"),
                waited: Duration::from_secs(165),
            },
        ),
        (
            "VaultError::Sqlite",
            VaultError::Sqlite {
                path: vault(),
                reason: "disk I/O error".to_owned(),
            },
        ),
        (
            "VaultError::Tampered",
            VaultError::Tampered {
                kind: "connection".to_owned(),
                name: "gitlab/work".to_owned(),
            },
        ),
        (
            "VaultError::TooNew",
            VaultError::TooNew { found: 9, known: 2 },
        ),
        ("VaultError::WrongKey", VaultError::WrongKey(key())),
    ];
    assert_words!("errors", "vault", shown(errors));
}

#[test]
fn of_the_store() {
    let errors = [
        ("StoreError::Conflict", StoreError::Conflict),
        (
            "StoreError::Unreadable",
            StoreError::Unreadable {
                record: "gitlab/work".to_owned(),
                reason: "missing field `tokens`".to_owned(),
            },
        ),
        ("StoreError::Vault", StoreError::Vault(VaultError::Conflict)),
    ];
    assert_words!("errors", "store", shown(errors));
}

#[test]
fn of_the_catalog() {
    let file = || path("providers/acme.json");
    let not_found = |near: &[&str]| CatalogError::NotFound {
        id: "gitlb".parse().unwrap(),
        near: near.iter().map(|id| id.parse().unwrap()).collect(),
    };
    let field = || DefinitionError::Field {
        path: "oauth.token_url".to_owned(),
        reason: "it is missing".to_owned(),
    };
    let errors = [
        (
            "CatalogError::Invalid",
            CatalogError::Invalid {
                file: file(),
                error: field(),
            },
        ),
        ("CatalogError::NotFound", not_found(&[])),
        (
            "CatalogError::NotFound, with one near it",
            not_found(&["gitlab"]),
        ),
        (
            "CatalogError::NotFound, with two near it",
            not_found(&["gitlab", "github"]),
        ),
        (
            "CatalogError::Unreadable",
            CatalogError::Unreadable {
                file: file(),
                error: os(io::ErrorKind::PermissionDenied),
            },
        ),
    ];
    let provider = || "gitlab".to_owned();
    let definitions = [
        (
            "DefinitionError::BaseUrlMissing",
            DefinitionError::BaseUrlMissing {
                provider: provider(),
            },
        ),
        (
            "DefinitionError::BaseUrlUnused",
            DefinitionError::BaseUrlUnused {
                provider: provider(),
            },
        ),
        ("DefinitionError::Field", field()),
        (
            "DefinitionError::Syntax",
            DefinitionError::Syntax {
                line: 3,
                column: 2,
                reason: "expected value".to_owned(),
            },
        ),
    ];
    let text = shown(errors) + &shown(definitions);
    assert_words!("errors", "catalog", text);
}

#[test]
fn of_a_file_with_a_ca() {
    let errors = [
        (
            "CaError::CaFileCertificate",
            CaError::CaFileCertificate {
                position: 1,
                source: rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding),
            },
        ),
        ("CaError::CaFileDer", CaError::CaFileDer),
        ("CaError::CaFileEmpty", CaError::CaFileEmpty),
        (
            "CaError::CaFileMalformed",
            CaError::CaFileMalformed {
                source: rustls_pki_types::pem::Error::MissingSectionEnd {
                    end_marker: b"CERTIFICATE".to_vec(),
                },
            },
        ),
        ("CaError::CaFileNotPem", CaError::CaFileNotPem),
        (
            "CaError::CaFileOtherPem",
            CaError::CaFileOtherPem {
                label: "PUBLIC KEY".to_owned(),
            },
        ),
        ("CaError::CaFilePrivateKey", CaError::CaFilePrivateKey),
        (
            "CaError::RootsUnreadable",
            CaError::RootsUnreadable {
                path: PathBuf::from("/etc/ssl/acme.pem"),
                source: os(io::ErrorKind::NotFound),
            },
        ),
    ];
    assert_words!("errors", "ca_file", shown(errors));
}

#[test]
fn of_the_session_ca() {
    // These are faults of ours or of the system, in a session that cannot begin.
    let of_session = |error: CaError| ProxyError::Ca(error);
    let errors = [
        (
            "CaError::ClockOutOfRange",
            of_session(CaError::ClockOutOfRange),
        ),
        (
            "CaError::InvalidDomain",
            of_session(CaError::InvalidDomain {
                domain: "a b".to_owned(),
            }),
        ),
        (
            "CaError::LeafKey",
            of_session(CaError::LeafKey {
                source: rustls::Error::General("no key".to_owned()),
            }),
        ),
        (
            "CaError::NotPermitted",
            of_session(CaError::NotPermitted { host: host() }),
        ),
        (
            "CaError::Randomness",
            of_session(CaError::Randomness {
                source: getrandom::Error::UNSUPPORTED,
            }),
        ),
        (
            "ProxyError::Bind",
            ProxyError::Bind(os(io::ErrorKind::AddrInUse)),
        ),
    ];
    assert_words!("errors", "session", shown(errors));
}

#[test]
fn of_trust() {
    let errors = [
        ("TrustError::Ca", TrustError::Ca(CaError::CaFileEmpty)),
        (
            "TrustError::ClientCertificate",
            TrustError::ClientCertificate(ClientCertificateError::Damaged),
        ),
        ("TrustError::Empty", TrustError::Empty),
        (
            "TrustError::Tls",
            TrustError::Tls(rustls::Error::General("no suite".to_owned())),
        ),
    ];
    assert_words!("errors", "trust", shown(errors));
}

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

/// What rustls says of a handshake, by what helps against it.
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
        ("LoginError::Deadline", LoginError::Deadline),
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
        ("LoginError::Exists", LoginError::Exists(id())),
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

#[test]
fn of_a_credential() {
    let reason = || "gitlab.acme.com refused: invalid_grant".to_owned();
    let errors = [
        (
            "CredentialError::NeedsLogin",
            CredentialError::NeedsLogin {
                id: id(),
                reason: reason(),
            },
        ),
        (
            "CredentialError::Removed",
            CredentialError::Removed { id: id() },
        ),
        (
            "CredentialError::Unavailable",
            CredentialError::Unavailable {
                id: id(),
                reason: "gitlab.acme.com answered 503".to_owned(),
                retry_after: Duration::from_secs(5),
            },
        ),
        (
            "CredentialError::Vault",
            CredentialError::Vault {
                reason: "a new pair could not be written".to_owned(),
            },
        ),
    ];
    assert_words!("errors", "credential", shown(errors));
}

#[test]
fn of_a_command() {
    let errors = [
        ("ChildError::NoHelper", ChildError::NoHelper),
        (
            "ChildError::Signals",
            ChildError::Signals(os(io::ErrorKind::Other)),
        ),
        (
            "ChildError::Spawn",
            ChildError::Spawn(os(io::ErrorKind::PermissionDenied)),
        ),
        (
            "ChildError::Spawn, for want of processes",
            ChildError::Spawn(os(io::ErrorKind::WouldBlock)),
        ),
        (
            "ChildError::TooLong",
            ChildError::TooLong(os(io::ErrorKind::ArgumentListTooLong)),
        ),
        (
            "ChildError::Wait",
            ChildError::Wait(os(io::ErrorKind::Other)),
        ),
    ];
    let text = shown(errors) + &shown([("io::Error", os(io::ErrorKind::PermissionDenied))]);
    assert_words!("errors", "command", text);
}
