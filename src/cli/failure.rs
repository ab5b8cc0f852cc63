//! The only place that turns an error into text, an error code and an exit code.

mod age_file;
mod connection;
mod isolation;
mod login;
mod session;
mod tls;
mod vault;
mod vault_server;

use std::error::Error;
use std::io;
use std::path::Path;

use authsome_ca::CaError;
use authsome_providers::{Catalog, CatalogError, DefinitionError, ProviderId};

use crate::audit;
use crate::child::{self, ChildError};
use crate::connection::CredentialError;
use crate::net::tls::{TlsRemedy, TrustError};
use crate::os::private_socket::SocketError;
use crate::proxy::{ListenError, ProxyError};
use crate::text::with_causes;

pub(super) use self::connection::not_found;
pub(super) use self::session::unused_directory;

/// The exit codes. Users rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Ok = 0,
    Unexpected = 1,
    /// Wrong usage, a failed authentication, or cancelled input.
    Usage = 2,
    NoConnection = 3,
    NoProvider = 4,
    Credential = 5,
    ConnectionExists = 6,
    ProviderExists = 7,
    Unreachable = 8,
    Vault = 9,
}

/// A command that failed: what happened and why, and the next command to type.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: String,
}

/// The code of a rule of a policy that is none.
pub(super) const POLICY_INVALID: &str = "policy_invalid";

impl Failure {
    /// The exit code of `authsome run` for it. A rule that is none is the user's own slip, and has
    /// its own code there as well: a launcher must not take it for a run that failed.
    pub(super) fn exit_of_run(&self) -> u8 {
        if self.code == POLICY_INVALID {
            return self.exit as u8;
        }
        child::EXIT_NOT_STARTED
    }

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
        Self::new(exit, code, with_causes(error), hint)
    }
}

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        let (code, hint) = match &error {
            CatalogError::NotFound { near, .. } => {
                let names: Vec<_> = near.iter().map(ToString::to_string).collect();
                let hint = match names.first() {
                    Some(_) => format!("did you mean {}? See: authsome list", names.join(" or ")),
                    None => "see all providers: authsome list".to_owned(),
                };
                ("provider_not_found", hint)
            }
            CatalogError::Invalid { file, .. } => ("definition_invalid", invalid_hint(file)),
            _ => (
                "definition_unreadable",
                "check the file's permissions".to_owned(),
            ),
        };
        Self::of(Exit::NoProvider, code, &error, hint)
    }
}

/// What to do about a definition of the user's own that cannot be used.
fn invalid_hint(file: &Path) -> String {
    let shown = file.display();
    if std::fs::metadata(file).is_ok_and(|found| found.len() == 0) {
        return format!("it is empty; remove it: rm '{shown}'");
    }
    let name = file.file_stem().and_then(|name| name.to_str());
    let id = name.and_then(|name| name.parse::<ProviderId>().ok());
    match id {
        Some(id) if Catalog::new(None).get(&id).is_err() => {
            format!("correct it, or remove it: authsome remove {id}")
        }
        _ => format!("correct it, or remove it so that the bundled one counts: rm '{shown}'"),
    }
}

impl From<DefinitionError> for Failure {
    fn from(error: DefinitionError) -> Self {
        let hint = match &error {
            DefinitionError::BaseUrlMissing { provider } => {
                format!("authsome login {provider} --base-url URL")
            }
            DefinitionError::BaseUrlUnused { provider } => format!("authsome login {provider}"),
            DefinitionError::ParamInvalid { name, example, .. }
            | DefinitionError::ParamMissing { name, example, .. } => {
                format!("authsome login PROVIDER --param {name}={example}")
            }
            DefinitionError::ParamUnknown { provider, .. } => {
                format!("authsome inspect {provider}")
            }
            _ => "correct the definition".to_owned(),
        };
        Self::of(Exit::Usage, "usage", &error, hint)
    }
}

impl From<CaError> for Failure {
    fn from(error: CaError) -> Self {
        let message = match &error {
            // Its source shows the name of the PEM block as a list of bytes.
            CaError::CaFileMalformed { .. } => error.to_string(),
            _ => with_causes(&error),
        };
        let hint = "--ca-file takes a PEM file, which begins with -----BEGIN CERTIFICATE-----";
        Self::new(Exit::Usage, "ca_file_invalid", message, hint)
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        let hint = match &error {
            TrustError::ClientCertificate(_) => tls::tls_hint(TlsRemedy::ClientCertificate),
            _ => {
                "check SSL_CERT_FILE, or install the system's certificates (package ca-certificates)"
            }
        };
        Self::of(Exit::Unexpected, "trust_unavailable", &error, hint)
    }
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
            CredentialError::Moved { .. } => (
                Exit::NoConnection,
                "connection_moved",
                "start another run: authsome run -- COMMAND".to_owned(),
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
        match &error {
            ProxyError::Listen(cause) => cannot_listen(cause),
            _ => Self::of(Exit::Unexpected, "unexpected", &error, "try again"),
        }
    }
}

fn cannot_listen(error: &ListenError) -> Failure {
    let (exit, code, hint) = match error {
        ListenError::Address { source, .. } if source.kind() == io::ErrorKind::AddrInUse => (
            Exit::Unreachable,
            "port_taken",
            "choose another port with --listen ADDR:PORT; port 0 is any that is free",
        ),
        ListenError::Address { .. } => (
            Exit::Usage,
            "usage",
            "choose an address of this machine with --listen ADDR:PORT",
        ),
        ListenError::Socket(SocketError::Exists { is_alive: true, .. }) => (
            Exit::Usage,
            "socket_exists",
            "end what listens there, or choose another path with --socket PATH",
        ),
        _ => (
            Exit::Usage,
            "socket_exists",
            "choose another path with --socket PATH: in a directory of yours, less than 108 bytes long, and nothing there yet",
        ),
    };
    Failure::of(exit, code, error, hint)
}

impl From<ChildError> for Failure {
    fn from(error: ChildError) -> Self {
        let hint = match &error {
            ChildError::TooLong(_) => {
                "use shorter arguments, or fewer or shorter variables (env | wc -c); the limit is getconf ARG_MAX"
            }
            ChildError::Spawn(cause) if is_for_want_of_processes(cause) => MORE_PROCESSES,
            _ => "try again",
        };
        Self::of(Exit::Unexpected, "unexpected", &error, hint)
    }
}

/// The hint for when no process or thread can be started.
pub(super) const MORE_PROCESSES: &str = "this user or this container has reached its limit of processes: see ulimit -u, and pids.max of its cgroup";

/// fork(2) and `pthread_create(3)` report a limit on processes as `EAGAIN`.
fn is_for_want_of_processes(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(
            Exit::Unexpected,
            "unexpected",
            &error,
            format!("see `authsome log` and {}", audit::FILE),
        )
    }
}

#[cfg(test)]
mod tests;
