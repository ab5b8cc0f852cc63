//! What can go wrong with a vault.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::os_keyring::KeyringError;
use crate::os::home::HomeError;

/// Where a key came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// `AUTHSOME_MASTER_KEY`, or the file that `AUTHSOME_MASTER_KEY_FILE` names.
    Environment,
    /// The file at that path.
    File(PathBuf),
    /// The keyring of the user's session.
    Keyring,
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => {
                f.write_str("AUTHSOME_MASTER_KEY, or the file that AUTHSOME_MASTER_KEY_FILE names,")
            }
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Keyring => f.write_str("the keyring"),
        }
    }
}

/// Why the vault cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Another writer was faster.
    #[error("the record was changed by another process")]
    Conflict,
    /// The file is not an intact vault.
    #[error("the vault {} is damaged: {reason}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The home directory or a file in it is unusable.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The master key is not 32 bytes in base64.
    #[error("the master key in {0} is not 32 bytes in base64")]
    KeyMalformed(KeyOrigin),
    /// There is a vault but no key.
    #[error("there is a vault, but its master key {} is missing", .0.display())]
    KeyMissing(PathBuf),
    /// Another machine has held the lease of a record for too long.
    #[error("{machine} has been renewing {name} for more than {} s", .waited.as_secs())]
    LeaseHeld {
        /// The record's name.
        name: String,
        /// Who holds it, by the name that the machine has in its network.
        machine: String,
        /// How long this process has waited.
        waited: Duration,
    },
    /// The lease under which a record was to be renewed has expired, and another machine may have
    /// taken it.
    #[error("the lease under which {0} was being renewed was lost")]
    LeaseLost(String),
    /// Another process has given the vault a new key.
    #[error(
        "the vault was given a new key, which this process does not have: start it again with the new key"
    )]
    KeyChanged,
    /// The key is kept by the user, who has not given it.
    #[error("the vault's key is not kept here, and AUTHSOME_MASTER_KEY is not set")]
    KeyNotGiven,
    /// The key is in the keyring, which does not give it.
    #[error("the vault's key is in the keyring: {0}")]
    Keyring(KeyringError),
    /// The role may use a record, but not renew it, and nobody else has.
    #[error("the database role may not renew {name}, and no other machine has done so for {} s", .waited.as_secs())]
    MayNotRenew {
        /// The record's name.
        name: String,
        /// How long this process has waited.
        waited: Duration,
    },
    /// The new key could not be given to the user, so nothing was changed.
    #[error("the new key could not be written: {0}")]
    NotHandedOver(io::Error),
    /// Values wait beside the vault that are sealed with the present key.
    #[error("new tokens wait beside the vault to be written into it")]
    PendingValues,
    /// Other processes kept the vault busy for too long.
    #[error("the vault {} is locked by another process", .0.display())]
    Locked(PathBuf),
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
    /// Another process has kept the lock of a record for too long.
    #[error("another process has held the lock {} for more than {} s", .lock.display(), .waited.as_secs())]
    RecordLocked {
        /// The lock's file; `fuser` shows which process holds it.
        lock: PathBuf,
        /// How long this process has waited.
        waited: Duration,
    },
    /// There is no space on the disk. `SQLite` needs some for files beside the vault, even to read
    /// it.
    #[error("there is no space left on the disk for the vault {}", .0.display())]
    NoRoom(PathBuf),
    /// The vault, or its directory, cannot be written. `SQLite` writes files beside the vault, even
    /// to read it.
    #[error("the vault {} cannot be written: its disk or its directory is read-only", .0.display())]
    ReadOnly(PathBuf),
    /// The database role has not the right to do that.
    #[error("the database role may not do that at {server}: {reason}")]
    RoleMayNot {
        /// The server, without a password.
        server: String,
        /// What the server says.
        reason: String,
    },
    /// The database server failed for another reason.
    #[error("the vault at {server} cannot be used: {reason}")]
    Server {
        /// The server, without a password.
        server: String,
        /// What the server says.
        reason: String,
    },
    /// The database server is not trusted, or speaks no TLS.
    #[error("the vault at {server} is not trusted: {reason}")]
    ServerNotTrusted {
        /// The server, without a password.
        server: String,
        /// What TLS says.
        reason: String,
    },
    /// The database server refuses the login.
    #[error("the vault at {server} refuses the login: {reason}")]
    ServerRefuses {
        /// The server, without a password.
        server: String,
        /// What the server says.
        reason: String,
    },
    /// The database server cannot be reached.
    #[error("the vault at {server} cannot be reached: {reason}")]
    ServerUnreachable {
        /// The server, without a password.
        server: String,
        /// What the system says.
        reason: String,
    },
    /// The address of the vault is malformed.
    #[error("the address of the vault cannot be used: {0}")]
    Address(String),
    /// There is no key for a vault that machines share.
    #[error("no key is given for the vault at {0}, which machines share")]
    SharedKeyNotGiven(String),
    /// `SQLite` failed for another reason.
    #[error("the vault {} cannot be used: {reason}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is wrong, in words, and the message of `SQLite`.
        reason: String,
    },
    /// The vault was written by a later version.
    #[error("the vault has schema version {found}; this version of authsome knows up to {known}")]
    TooNew {
        /// The file's version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A record cannot be opened: it was altered, or moved from another name.
    #[error(
        "the record {kind} {name} cannot be opened: it was altered, or moved from another name"
    )]
    Tampered {
        /// The record's kind.
        kind: String,
        /// The record's name.
        name: String,
    },
    /// The key is well-formed, but it is not the key of this vault.
    #[error("the master key in {0} is not the key of this vault")]
    WrongKey(KeyOrigin),
}

impl VaultError {
    /// Whether another process has the lock of a record.
    pub fn is_held(&self) -> bool {
        matches!(
            self,
            Self::LeaseHeld { .. } | Self::MayNotRenew { .. } | Self::RecordLocked { .. }
        )
    }

    /// The same for a lock that has been waited for in several steps, which took that long.
    #[must_use]
    pub fn after(mut self, whole: Duration) -> Self {
        if let Self::LeaseHeld { waited, .. }
        | Self::MayNotRenew { waited, .. }
        | Self::RecordLocked { waited, .. } = &mut self
        {
            *waited = whole;
        }
        self
    }

    /// Whether the vault's server cannot be reached: nothing is known of the records.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::ServerUnreachable { .. })
    }
}
