//! The only table from an error to words, a code and an exit status.

use std::error::Error;
use std::io::ErrorKind;
use std::path::Path;

use authsome_ca::CaError;
use authsome_providers::{CatalogError, DefinitionError};

use crate::audit;
use crate::child::ChildError;
use crate::connection::{CredentialError, LoginError, StoreError};
use crate::home::HomeError;
use crate::oauth::{BindError, OAuthError};
use crate::port_owner::port_owner;
use crate::proxy::ProxyError;
use crate::tls::{TlsRemedy, TrustError};
use crate::vault::VaultError;

/// The exit codes, as users rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Ok = 0,
    Unexpected = 1,
    /// Usage, authentication failed, or input cancelled.
    Usage = 2,
    NoConnection = 3,
    NoProvider = 4,
    Credential = 5,
    ConnectionExists = 6,
    Unreachable = 8,
    Vault = 9,
}

/// A command that did not do what it should: what happened and why, and the next command to type.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Failure {
    pub(super) fn new(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    fn of(exit: Exit, code: &'static str, error: &dyn Error, hint: impl Into<String>) -> Self {
        Self::new(exit, code, chain(error), hint)
    }
}

/// An error with its causes, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

/// Where the home cannot be written.
const ELSEWHERE: &str = "authsome writes there even to read: copy the home to a disk that can be written (cp -a), and name it: AUTHSOME_HOME=DIR";

fn make_room(path: &Path) -> String {
    let directory = path.parent().unwrap_or(path);
    format!(
        "make room, or name another directory: df -h '{}'",
        directory.display()
    )
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        let hint = match &error {
            HomeError::TooOpen { path, .. } => format!("chmod 700 '{}'", path.display()),
            HomeError::NotOwned { path, .. } => {
                format!(
                    "use a directory of your own: AUTHSOME_HOME=DIR, or chown '{}'",
                    path.display()
                )
            }
            HomeError::NotADirectory(_) | HomeError::Unset => {
                "set AUTHSOME_HOME to a directory of your own".to_owned()
            }
            HomeError::LockTimeout { path, .. } => {
                format!("see who holds it: fuser -v '{}'", path.display())
            }
            HomeError::Io { path, source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => make_room(path),
                ErrorKind::ReadOnlyFilesystem => ELSEWHERE.to_owned(),
                _ => format!("ls -ld '{}'", path.display()),
            },
        };
        Self::of(Exit::Vault, "vault_unavailable", &error, hint)
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let hint = match &error {
            VaultError::Home(_) => {
                let VaultError::Home(error) = error else {
                    unreachable!("matched above")
                };
                return error.into();
            }
            VaultError::Corrupt { path, .. } => format!(
                "restore it from a backup; or start anew, keeping the damaged file: mv '{0}' '{0}.damaged'",
                path.display()
            ),
            VaultError::KeyMissing(path) => {
                format!(
                    "restore {} from a backup, or set AUTHSOME_MASTER_KEY",
                    path.display()
                )
            }
            VaultError::KeyMalformed(_) | VaultError::WrongKey(_) => {
                "use the key that the vault was made with: check AUTHSOME_MASTER_KEY and master.key"
                    .to_owned()
            }
            VaultError::Locked(path) => {
                format!("try again; see who holds it: fuser -v '{}'", path.display())
            }
            VaultError::TooNew { .. } => "use the newer authsome that wrote it".to_owned(),
            VaultError::Conflict | VaultError::Random(_) => "try again".to_owned(),
            VaultError::Tampered { .. } => {
                "log in again: authsome login PROVIDER --force".to_owned()
            }
            VaultError::NoRoom(path) => make_room(path),
            VaultError::ReadOnly(_) => ELSEWHERE.to_owned(),
            VaultError::Sqlite { path, .. } => format!(
                "check the disk's space and permissions: df -h '{0}'; ls -l '{0}'",
                path.display()
            ),
        };
        let code = match &error {
            VaultError::Tampered { .. } => "record_unreadable",
            _ => "vault_unavailable",
        };
        Self::of(Exit::Vault, code, &error, hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Vault(error) => error.into(),
            StoreError::Conflict => Self::of(Exit::Vault, "vault_unavailable", &error, "try again"),
            StoreError::Unreadable { .. } => Self::of(
                Exit::Vault,
                "record_unreadable",
                &error,
                "log in again: authsome login PROVIDER --force",
            ),
        }
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        let (code, hint) = match &error {
            CatalogError::NotFound { near, .. } => {
                let names: Vec<_> = near.iter().map(ToString::to_string).collect();
                let hint = match names.first() {
                    Some(_) => format!("did you mean {}? See: authsome list", names.join(" or ")),
                    None => "see what there is: authsome list".to_owned(),
                };
                ("provider_not_found", hint)
            }
            CatalogError::Invalid { file, .. } => {
                let is_empty = std::fs::metadata(file).is_ok_and(|found| found.len() == 0);
                let hint = if is_empty {
                    format!("it is empty; remove it: rm '{}'", file.display())
                } else {
                    format!("correct {}", file.display())
                };
                ("definition_invalid", hint)
            }
            _ => (
                "definition_unreadable",
                "check the file's permissions".to_owned(),
            ),
        };
        Self::of(Exit::NoProvider, code, &error, hint)
    }
}

impl From<DefinitionError> for Failure {
    fn from(error: DefinitionError) -> Self {
        let hint = match &error {
            DefinitionError::BaseUrlMissing { provider } => {
                format!("authsome login {provider} --base-url URL")
            }
            DefinitionError::BaseUrlUnused { provider } => format!("authsome login {provider}"),
            _ => "correct the definition".to_owned(),
        };
        Self::of(Exit::Usage, "usage", &error, hint)
    }
}

impl From<CaError> for Failure {
    fn from(error: CaError) -> Self {
        Self::of(
            Exit::Usage,
            "ca_file_invalid",
            &error,
            "--ca-file takes a PEM file: -----BEGIN CERTIFICATE-----",
        )
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        let hint = match &error {
            TrustError::ClientCertificate(_) => tls_hint(TlsRemedy::ClientCertificate),
            _ => {
                "check SSL_CERT_FILE, or install the system's certificates (package ca-certificates)"
            }
        };
        Self::of(Exit::Unexpected, "trust_unavailable", &error, hint)
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::Trust(error) => error.into(),
            OAuthError::Tls { ref trouble, .. } => {
                let hint = tls_hint(trouble.remedy);
                Self::of(Exit::Unreachable, "endpoint_unreachable", &error, hint)
            }
            OAuthError::Starved { shortage, .. } => Self::of(
                Exit::Unreachable,
                "resource_exhausted",
                &error,
                shortage.hint(),
            ),
            _ if error.is_unreachable() => Self::of(
                Exit::Unreachable,
                "endpoint_unreachable",
                &error,
                "check --base-url and the network",
            ),
            OAuthError::Refused { ref code, .. } if code == "invalid_client" => {
                let hint = "check the application's ID and secret: authsome login PROVIDER --client-id ID [--client-secret-file PATH]";
                Self::of(Exit::Usage, "authentication_failed", &error, hint)
            }
            OAuthError::NotJson { .. } | OAuthError::Redirected { .. } => {
                let hint = "check --base-url: this does not look like the service's OAuth endpoint";
                Self::of(Exit::Usage, "authentication_failed", &error, hint)
            }
            _ => Self::of(
                Exit::Usage,
                "authentication_failed",
                &error,
                "try again: authsome login PROVIDER",
            ),
        }
    }
}

fn tls_hint(remedy: TlsRemedy) -> &'static str {
    match remedy {
        TlsRemedy::ClientCertificate => {
            "authsome login PROVIDER --connection NAME --client-cert CERT.pem [--client-key KEY.pem] --force"
        }
        TlsRemedy::Modern => {
            "have the server speak TLS 1.3, or 1.2 with ECDHE and AES-GCM or ChaCha20: no flag changes what is accepted here"
        }
        TlsRemedy::OtherAddress => "check the name and the port in --base-url",
        TlsRemedy::Renewal => {
            "have the server's certificate renewed; check this machine's clock: date"
        }
        TlsRemedy::ServerCertificate => {
            "have the server's certificate made anew, with its name as subjectAltName: no flag changes what is accepted here"
        }
        TlsRemedy::Trust => "for a private CA, or a self-signed certificate: --ca-file CA.pem",
        _ => "check --base-url and the network",
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Bind(ref cause @ BindError::Port(_)) => port_taken(cause),
            LoginError::Bind(BindError::Random(_)) => {
                Self::of(Exit::Unexpected, "unexpected", &error, "try again")
            }
            LoginError::Deadline => Self::of(
                Exit::Usage,
                "login_timeout",
                &error,
                "try again: authsome login PROVIDER",
            ),
            LoginError::Declined { .. } => Self::of(
                Exit::Usage,
                "cancelled",
                &error,
                "log in again, in a browser that has the right account: authsome login PROVIDER",
            ),
            LoginError::Denied(ref refused) => {
                let hint = "allow it in the browser, or ask for less: --scopes A,B";
                Self::of(Exit::Usage, "authentication_failed", refused, hint)
            }
            LoginError::Exists(ref id) => {
                let hint = format!(
                    "replace it: authsome login {0} --connection {1} --force; or add another: authsome login {0} --connection NAME",
                    id.provider, id.name
                );
                Self::of(Exit::ConnectionExists, "connection_exists", &error, hint)
            }
            LoginError::NotStored { source, revocation } => {
                let grant = match revocation {
                    None => "the new grant was revoked at the provider".to_owned(),
                    Some(error) => format!(
                        "the new grant is still good ({error}): end it on the provider's page of applications"
                    ),
                };
                let mut failure = Self::from(*source);
                failure.message = format!("{}; {grant}", failure.message);
                failure
            }
            LoginError::OAuth(error) => error.into(),
            LoginError::Store(error) => error.into(),
        }
    }
}

fn port_taken(error: &BindError) -> Failure {
    let port = crate::oauth::REDIRECT_PORT;
    let (by, hint) = match port_owner(port) {
        Some(owner) => (
            format!("; it is held by {} (process {})", owner.name, owner.pid),
            format!("end that process, then try again: kill {}", owner.pid),
        ),
        None => (
            String::new(),
            format!("see who holds it: ss -ltnp 'sport = :{port}'"),
        ),
    };
    Failure::new(
        Exit::Unreachable,
        "port_unavailable",
        format!("{}{by}", chain(error)),
        hint,
    )
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        let (exit, code, hint) = match &error {
            CredentialError::NeedsLogin { id, .. } => (
                Exit::Credential,
                "needs_login",
                format!(
                    "authsome login {} --connection {} --force",
                    id.provider, id.name
                ),
            ),
            CredentialError::Removed { id } => (
                Exit::NoConnection,
                "connection_not_found",
                format!("authsome login {} --connection {}", id.provider, id.name),
            ),
            CredentialError::Unavailable { .. } => (
                Exit::Credential,
                "refresh_unavailable",
                "try again later".to_owned(),
            ),
            CredentialError::Vault { .. } => (
                Exit::Vault,
                "vault_unavailable",
                "authsome whoami".to_owned(),
            ),
        };
        Self::of(exit, code, &error, hint)
    }
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        Self::of(Exit::Unexpected, "unexpected", &error, "try again")
    }
}

impl From<ChildError> for Failure {
    fn from(error: ChildError) -> Self {
        let hint = match &error {
            ChildError::TooLong(_) => {
                "give it less: shorter arguments, fewer or shorter variables (env | wc -c); see getconf ARG_MAX"
            }
            ChildError::Spawn(cause) if is_for_want_of_processes(cause) => MORE_PROCESSES,
            _ => "try again",
        };
        Self::of(Exit::Unexpected, "unexpected", &error, hint)
    }
}

/// What to do where no process or thread is to be had.
pub(super) const MORE_PROCESSES: &str = "this user, or this container, has as many processes as it may: see ulimit -u, and pids.max of its cgroup";

/// fork(2) and `pthread_create(3)` say so.
fn is_for_want_of_processes(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(
            Exit::Unexpected,
            "unexpected",
            &error,
            format!("see `authsome log` and {}", audit::FILE),
        )
    }
}
