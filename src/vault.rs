//! Sealed records by key.
//!
//! A record is a value that only the master key opens, under a kind and a name, with a generation
//! that grows with each write. The vault knows nothing of what is inside. It is safe under many
//! processes at once: every change is one transaction, and one that was made on an old state of a
//! record is refused ([`VaultError::Conflict`]).
//!
//! [`Vault`] is what the rest of the program sees. [`open()`] gives the one of a home: `sealed.rs`
//! seals and opens the values of a store that has no key, and `sqlite.rs` is that store. `tests.rs`
//! is what every implementation has to keep to.

mod error;
mod master_key;
#[cfg(test)]
mod memory;
mod open;
mod pending;
mod record;
mod seal;
mod sealed;
mod sqlite;
#[cfg(test)]
mod tests;

pub use error::VaultError;
pub use master_key::{KeyOrigin, MasterKey};
#[cfg(test)]
pub(crate) use memory::{MemoryVault, Refuses};
pub use open::open;
pub use record::{Change, Expect, Pending, Record, RecordKey};

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::secret::Secret;

/// A place for records. All methods block for the length of a disk access.
pub trait Vault: Send + Sync {
    /// The record of that key.
    fn get(&self, key: &RecordKey) -> Result<Option<Record>, VaultError>;

    /// The generation of that record, without opening it.
    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError>;

    /// All records of that kind in one pass, by name: for each, `visit` is told the name and what
    /// is in it. It must not call the vault.
    fn each(
        &self,
        kind: &'static str,
        visit: &mut dyn FnMut(&str, Result<Record, VaultError>),
    ) -> Result<(), VaultError>;

    /// The names of the records of that kind that start with `prefix`, in order.
    fn names_from(&self, kind: &'static str, prefix: &str) -> Result<Vec<String>, VaultError>;

    /// The names of all records of that kind, in order.
    fn names(&self, kind: &'static str) -> Result<Vec<String>, VaultError> {
        self.names_from(kind, "")
    }

    /// Makes all changes, durably, or none; the result has the new generation of each `Put`, in
    /// order.
    fn apply(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError>;

    /// The same, without waiting for another process's transaction: it does not hold up those who
    /// read meanwhile.
    fn apply_now(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError>;

    /// Finds out by a small write, which changes no record, whether the vault can be written.
    fn check_writable(&self) -> Result<(), VaultError>;

    /// Waits for the right to renew that record, at most so long. Blocks the thread. It keeps no
    /// writer off who does without: a login replaces a record whatever a renewal makes of it
    /// meanwhile.
    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError>;

    /// Gets room for a value of that size, durably, that will replace the state `base` as its
    /// successor number `step`. The caller is the only one who does so for this record: it holds
    /// the lock.
    fn reserve(
        &self,
        key: &RecordKey,
        base: u64,
        step: u32,
        size: usize,
    ) -> Result<Box<dyn Reserve>, VaultError>;

    /// The newest value of that record which has not come into the vault.
    fn pending(&self, key: &RecordKey) -> Result<Option<Pending>, VaultError>;

    /// The names of the records that have such a value, or an unused reserve that a process left
    /// behind.
    fn pending_names(&self) -> Result<BTreeSet<String>, VaultError>;

    /// Forgets what waits for that record: it has come into the vault, or a newer state has.
    fn forget_pending(&self, key: &RecordKey) -> Result<(), VaultError>;
}

/// Room for a value that will come. Dropped before it is filled, it gives the room back.
pub trait Reserve: Send {
    /// Puts the value into its room, durably. It can be tried again.
    fn fill(&mut self, value: &Secret<Vec<u8>>) -> Result<(), VaultError>;
}

/// The right to renew a record, which one process has at a time. It is given up when this is
/// dropped, and when its process dies.
#[derive(Debug)]
pub struct RecordLock {
    _held: Box<dyn Held>,
}

/// Whatever holds a lock until it is dropped.
trait Held: fmt::Debug + Send {}

impl<T: fmt::Debug + Send> Held for T {}

impl RecordLock {
    fn new(held: impl Held + 'static) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}
