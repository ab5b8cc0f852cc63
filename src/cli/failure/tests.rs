//! How the terminal shows each error of the modules below. If a new variant is in none of the
//! snapshots, `tests/it/words/complete.rs` fails.

mod ca;
mod exports;
mod isolated;
mod login;
mod server;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use authsome_test_support::assert_words;

use super::*;
use crate::connection::{LoginError, StoreError};
use crate::credential::ConnectionId;
use crate::loopback::BindError;
use crate::net::dial::Shortage;
use crate::net::tls::{ClientCertificateError, TlsTrouble};
use crate::oauth::OAuthError;
use crate::os::home::HomeError;
use crate::vault::{KeyOrigin, KeyringError, VaultError};

/// The failures as they are printed, by the names of their causes, each with its code in JSON and
/// its exit code.
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
        ("VaultError::KeyChanged", VaultError::KeyChanged),
        ("VaultError::KeyNotGiven", VaultError::KeyNotGiven),
        (
            "VaultError::Keyring",
            VaultError::Keyring(KeyringError::NoEntry),
        ),
        (
            "VaultError::NotHandedOver",
            VaultError::NotHandedOver(std::io::ErrorKind::BrokenPipe.into()),
        ),
        ("VaultError::PendingValues", VaultError::PendingValues),
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
        ("StoreError::NotAuthentic", StoreError::NotAuthentic),
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
        (
            "CatalogError::Invalid, with a bundled one of that name",
            CatalogError::Invalid {
                file: path("providers/gitlab.json"),
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
            "DefinitionError::ParamInvalid",
            DefinitionError::ParamInvalid {
                name: "subdomain".to_owned(),
                label: "Zendesk subdomain".to_owned(),
                example: "acme".to_owned(),
                value: "evil.test/".to_owned(),
            },
        ),
        (
            "DefinitionError::ParamMissing",
            DefinitionError::ParamMissing {
                name: "subdomain".to_owned(),
                label: "Zendesk subdomain".to_owned(),
                example: "acme".to_owned(),
            },
        ),
        (
            "DefinitionError::ParamUnknown",
            DefinitionError::ParamUnknown {
                provider: "zendesk".to_owned(),
                name: "region".to_owned(),
            },
        ),
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
            "CredentialError::Moved",
            CredentialError::Moved { id: id() },
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
