//! Errors of a session that could not be started.

use std::io;
use std::path::Path;

use super::connection::not_found;
use super::{Exit, Failure, POLICY_INVALID};
use crate::env::env_vars::{MASTER_KEY, MASTER_KEY_FILE};
use crate::session::{DirectoryTrouble, SessionError, SettingsError, UnusedDirectory};

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Catalog(error) => error.into(),
            SessionError::Definition(error) => error.into(),
            SessionError::Home(error) => error.into(),
            SessionError::KeyFile { path, source } => key_file(&path, &source),
            SessionError::Contradiction(error) => {
                Self::of(Exit::Usage, POLICY_INVALID, &error, "leave one of them out")
            }
            SessionError::HostInUse(_) => {
                let hint = "start another run: authsome run -- COMMAND";
                Self::of(Exit::ConnectionExists, "host_in_use", &error, hint)
            }
            SessionError::NoConnection(id) => not_found(&id.provider, Some(&id.name)),
            SessionError::NoDirectory(last) => no_directory(last),
            SessionError::NoKey => no_key(),
            SessionError::NoSuchProvider { .. } => {
                Self::of(Exit::Usage, POLICY_INVALID, &error, "authsome list")
            }
            SessionError::NoSuchRule(_) | SessionError::NoSuchLift { .. } => {
                Self::of(Exit::Usage, POLICY_INVALID, &error, "authsome allow")
            }
            SessionError::NothingOf(ref provider) => {
                let hint = format!("authsome login {provider}, or leave the rule out");
                Self::of(Exit::Usage, POLICY_INVALID, &error, hint)
            }
            SessionError::PolicyFile(error) => {
                let hint = format!("correct {}", error.path.display());
                Self::of(Exit::Usage, POLICY_INVALID, &error, hint)
            }
            SessionError::Proxy(error) => error.into(),
            SessionError::Random(error) => io::Error::other(error).into(),
            SessionError::Settings(error) => error.into(),
            SessionError::Store(error) => error.into(),
            SessionError::Trust(error) => error.into(),
            SessionError::Vault(error) => error.into(),
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let hint = format!("correct {}", error.path.display());
        Self::of(Exit::Usage, "config_invalid", &error, hint)
    }
}

fn key_file(path: &Path, error: &io::Error) -> Failure {
    let message = format!(
        "cannot read the file {}, which {MASTER_KEY_FILE} names: {error}",
        path.display()
    );
    let hint = format!("{MASTER_KEY_FILE} takes a path, or /dev/fd/N for an open descriptor");
    Failure::new(Exit::Vault, "vault_unavailable", message, hint)
}

fn no_key() -> Failure {
    let hint = format!(
        "set {MASTER_KEY_FILE}=PATH or {MASTER_KEY} to the key of the vault that it comes from, or name what it was sealed with: --identity-file PATH or --passphrase-file PATH"
    );
    let message = SessionError::NoKey.to_string();
    Failure::new(Exit::Usage, "key_missing", message, hint)
}

fn no_directory(last: Option<UnusedDirectory>) -> Failure {
    let is_named = last
        .as_ref()
        .is_some_and(|unused| unused.variable == "--dir");
    let message = match last {
        Some(unused) => unused_directory(unused),
        None => SessionError::NoDirectory(None).to_string(),
    };
    if is_named {
        let hint = "name a directory that is not there yet, in one of yours: --dir DIR";
        return Failure::new(Exit::Usage, "usage", message, hint);
    }
    let hint = "name a directory of your own, with some MB of room: TMPDIR=DIR authsome run -- …";
    Failure::new(Exit::Unexpected, "no_temporary_directory", message, hint)
}

/// What is wrong with a directory for the session's files.
pub(in crate::cli) fn unused_directory(unused: UnusedDirectory) -> String {
    let UnusedDirectory {
        variable,
        path,
        trouble,
    } = unused;
    let reason = match trouble {
        DirectoryTrouble::Files(error) => Failure::from(error).message,
        DirectoryTrouble::Unfit(unfit) => unfit.to_string(),
    };
    let named = if Path::new(variable) == path {
        variable.to_owned()
    } else {
        // Control characters in the path are escaped, so that it cannot move the cursor.
        format!("{variable} ({})", path.to_string_lossy().escape_debug())
    };
    format!("{named} is not used for the session's files: {reason}")
}
