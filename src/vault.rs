//! Sealed records by key.
//!
//! A record is a value that only the master key opens, under a kind and a name, with a generation that grows with each write.
//! The vault knows nothing of what is inside. It is safe under many processes at once: every change is one transaction,
//! and one that was made on an old state of a record is refused ([`VaultError::Conflict`]).

mod master_key;
mod pending;
mod schema;
mod seal;
mod sqlite;

pub use master_key::{KeyOrigin, MasterKey};
pub use pending::{Pending, Reserve};
pub use sqlite::Vault;

use std::path::PathBuf;

use crate::home::HomeError;
use crate::secret::Secret;

/// Which record: a kind that the program chooses and a name within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordKey {
    kind: &'static str,
    name: String,
}

impl RecordKey {
    /// The record `name` among those of `kind`.
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

/// A record as it is stored now.
#[derive(Debug)]
pub struct Record {
    /// Greater than that of any earlier state of any record.
    pub generation: u64,
    /// The opened value.
    pub value: Secret<Vec<u8>>,
}

/// The state that a writer believes a record to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There must be none.
    Absent,
    /// Whatever there is.
    Any,
    /// Exactly this state: compare and swap.
    Generation(u64),
}

/// One step of a transaction.
#[derive(Debug)]
pub enum Change {
    /// Removes the record, if there is one.
    Delete(RecordKey),
    /// Writes the record.
    Put {
        /// Which.
        key: RecordKey,
        /// Its new value.
        value: Secret<Vec<u8>>,
        /// What must be there for the write to happen.
        expect: Expect,
    },
}

/// Why the vault cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Another writer was first.
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
    /// The master key is not 32 bytes of base64.
    #[error("the master key in {0} is not 32 bytes in base64")]
    KeyMalformed(KeyOrigin),
    /// There is a vault but no key.
    #[error("there is a vault, but its master key {} is missing", .0.display())]
    KeyMissing(PathBuf),
    /// Other processes kept the vault busy for too long.
    #[error("the vault {} is locked by another process", .0.display())]
    Locked(PathBuf),
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
    /// There is no room on the disk: `SQLite` needs some beside the vault, even to read it.
    #[error("there is no space left on the disk for the vault {}", .0.display())]
    NoRoom(PathBuf),
    /// The vault, or its directory, cannot be written: `SQLite` writes beside it, even to read it.
    #[error("the vault {} cannot be written: its disk or its directory is read-only", .0.display())]
    ReadOnly(PathBuf),
    /// `SQLite` failed for another reason.
    #[error("the vault {} cannot be used: {reason}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is wrong, in words, with what `SQLite` said of it.
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
    /// A record does not open: it was moved to another name, or altered.
    #[error(
        "the record {kind} {name} cannot be opened: it was altered, or moved from another name"
    )]
    Tampered {
        /// The record's kind.
        kind: String,
        /// The record's name.
        name: String,
    },
    /// The key is a good key, but not this vault's.
    #[error("the master key in {0} is not the key of this vault")]
    WrongKey(KeyOrigin),
}
