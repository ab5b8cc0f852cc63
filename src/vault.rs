//! Sealed records by key.
//!
//! A record is a value that only the master key opens. It has a kind, a name, and a generation that
//! grows with each write. The vault knows nothing about the content. Many processes can use it at
//! once: every change is a transaction, and a change to an outdated state of a record is refused
//! ([`VaultError::Conflict`]).
//!
//! The rest of the program uses the [`Vault`] trait. [`open()`] opens the vault of a home
//! directory: `sealed.rs` seals and opens the values of a store that has no key, and `sqlite.rs` is
//! that store. `tests.rs` tests what every implementation must do.

mod changes;
mod copy;
mod derived_key;
mod error;
mod export_key;
mod lock;
mod master_key;
#[cfg(test)]
mod memory;
mod open;
mod os_keyring;
mod pending;
mod postgres;
mod record;
mod rekey;
mod seal;
mod sealed;
mod shared;
mod sqlite;
mod store;
#[cfg(test)]
mod tests;

pub use changes::{Changed, Changes};
pub use error::{KeyOrigin, VaultError};
pub use export_key::{CODE_LENGTH, ExportKeys};
pub use lock::{Claim, RecordLock};
pub use master_key::MasterKey;
#[cfg(test)]
pub(crate) use memory::{MemoryVault, Refuses};
pub use open::{
    export_keys_before_creation, forget_key, key_origin, names_without_key, open, open_or_create,
};
pub use os_keyring::KeyringError;
pub use postgres::{FleetLease, FleetMachine, FleetView};
pub use record::{Change, Expect, Pending, Record, RecordKey};
pub use rekey::{KeyPlace, rekey};
#[cfg(any(fuzzing, test))]
pub(crate) use seal::never_opens;
pub use shared::{Offline, fleet, has_password, open_shared, rekey_shared, shown_address};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;

/// A store of records. All methods block for a disk access.
pub trait Vault: Send + Sync {
    /// The record of that key.
    fn get(&self, key: &RecordKey) -> Result<Option<Record>, VaultError>;

    /// The generation of that record, without decrypting it.
    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError>;

    /// All records of that kind in one pass, sorted by name: `visit` gets the name and the record.
    /// It must not call the vault, which is locked meanwhile.
    fn each(
        &self,
        kind: &'static str,
        visit: &mut dyn FnMut(&str, Result<Record, VaultError>),
    ) -> Result<(), VaultError>;

    /// The names of the records of that kind that start with `prefix`, sorted.
    fn names_from(&self, kind: &'static str, prefix: &str) -> Result<Vec<String>, VaultError>;

    /// The names of all records of that kind, sorted.
    fn names(&self, kind: &'static str) -> Result<Vec<String>, VaultError> {
        self.names_from(kind, "")
    }

    /// Makes all changes durably, or none. Returns the new generation of each `Put`, in order.
    fn apply(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError>;

    /// As [`Self::apply`], but without waiting for another process's transaction: such a wait would
    /// hold up the readers in this process.
    /// With a claim, the lease must still be that one's, or the write is refused
    /// ([`VaultError::LeaseLost`]).
    fn apply_now(&self, changes: &[Change], claim: Option<&Claim>) -> Result<Vec<u64>, VaultError>;

    /// Checks by a small write, which changes no record, that the vault can be written.
    fn check_writable(&self) -> Result<(), VaultError>;

    /// Takes the lock under which that record is renewed, waiting at most that long. Blocks the
    /// thread. The lock excludes only those who take it: a login replaces a record without it, even
    /// during a renewal.
    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError>;

    /// Reserves durable room for a value of that size, which will replace the generation `base` as
    /// its successor number `step`. The caller holds the record's lock, so nobody else does this
    /// for the record.
    fn reserve(
        &self,
        key: &RecordKey,
        base: u64,
        step: u32,
        size: usize,
    ) -> Result<Box<dyn Reserve>, VaultError>;

    /// The newest value of that record that waits beside the vault.
    fn pending(&self, key: &RecordKey) -> Result<Option<Pending>, VaultError>;

    /// The names of the records that have such a value, or a reserve that a process left behind
    /// unused.
    fn pending_names(&self) -> Result<BTreeSet<String>, VaultError>;

    /// The keys for what leaves the vault for others that have the same master key.
    fn export_keys(&self) -> &Arc<ExportKeys>;

    /// Removes what waits for that record: it is outdated.
    fn forget_pending(&self, key: &RecordKey) -> Result<(), VaultError>;

    /// The same for what has been written into the vault. It stays if [`Self::may_forget`].
    fn forget_written(&self, key: &RecordKey) -> Result<(), VaultError> {
        if self.may_forget() {
            return Ok(());
        }
        self.forget_pending(key)
    }

    /// Whether the vault may forget a write that it has reported: a database does, if a replica
    /// takes over that lacks the last writes.
    fn may_forget(&self) -> bool {
        false
    }

    /// How long to wait for a lock before looking whether it is still needed.
    fn look_interval(&self) -> Duration {
        LOOK_INTERVAL
    }

    /// The changes that other processes make from now on, if the vault tells them.
    fn changes(&self) -> Option<Changes> {
        None
    }
}

/// How often a process that waits for another one's renewal looks for a newer state. If many
/// processes wait, all of them go on at once with the first one's pair, and do not take the lock
/// one after the other.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Room for a value. If it is dropped before it is filled, the room is released.
pub trait Reserve: Send {
    /// Writes the value into its room, durably. This can be repeated.
    fn fill(&mut self, value: &Secret<Vec<u8>>) -> Result<(), VaultError>;
}
