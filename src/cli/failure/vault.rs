//! Errors of the home directory and of the vault.

use std::io::ErrorKind;
use std::path::Path;

use super::vault_server::of_shared;
use super::{Exit, Failure};
use crate::connection::StoreError;
use crate::os::home::HomeError;
use crate::vault::VaultError;

/// The hint for a home directory that cannot be written.
const ELSEWHERE: &str = "authsome writes there even to read: copy the home to a writable disk (cp -a), and set AUTHSOME_HOME=DIR";

/// The hint for an export that cannot be used.
const EXPORT_AGAIN: &str =
    "export it again, with the same master key: authsome vault export --to FILE";

fn make_room(path: &Path) -> String {
    let directory = path.parent().unwrap_or(path);
    format!(
        "free some space, or use another directory: df -h '{}'",
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
                "restore it from a backup, or start over and keep the damaged file: mv '{0}' '{0}.damaged'",
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
            VaultError::KeyNotGiven => {
                "export AUTHSOME_MASTER_KEY with the key that `authsome vault rekey` has printed"
                    .to_owned()
            }
            VaultError::Keyring(_) => {
                "unlock the keyring, or start authsome in the session that has it; to do without it: authsome vault rekey --to file"
                    .to_owned()
            }
            VaultError::NotHandedOver(_) => "nothing was changed; try again".to_owned(),
            VaultError::PendingValues => "authsome status, then try again".to_owned(),
            VaultError::Locked(path) => {
                format!("try again; see who holds it: fuser -v '{}'", path.display())
            }
            VaultError::RecordLocked { lock, .. } => {
                format!("see who holds it: fuser -v '{}'", lock.display())
            }
            VaultError::TooNew { .. } => {
                "use the newer version of authsome that wrote it".to_owned()
            }
            VaultError::Tampered { .. } => {
                "log in again: authsome login PROVIDER --force".to_owned()
            }
            VaultError::NoRoom(path) => make_room(path),
            VaultError::ReadOnly(_) => ELSEWHERE.to_owned(),
            VaultError::Sqlite { path, .. } => format!(
                "check the disk's space and permissions: df -h '{0}'; ls -l '{0}'",
                path.display()
            ),
            other => of_shared(other).to_owned(),
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
            StoreError::NotAuthentic => {
                Self::of(Exit::Usage, "export_invalid", &error, EXPORT_AGAIN)
            }
            StoreError::Unreadable { .. } => Self::of(
                Exit::Vault,
                "record_unreadable",
                &error,
                "log in again: authsome login PROVIDER --force",
            ),
        }
    }
}
