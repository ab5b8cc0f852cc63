//! What a store of sealed values does: it has no key, and sees names, generations and bytes.

use std::path::Path;
use std::time::Duration;

use super::{Changes, Claim, Expect, LOOK_INTERVAL, RecordKey, RecordLock, VaultError};

/// A store of sealed values. It sees names, generations, and bytes that it cannot open.
/// [`super::Vault`] says what each method does.
pub(super) trait SealedStore: Send + Sync {
    /// Where it is, for messages.
    fn path(&self) -> &Path;

    fn get(&self, key: &RecordKey) -> Result<Option<SealedRecord>, VaultError>;

    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError>;

    /// `visit` gets the name, the generation and the sealed value.
    fn each(&self, kind: &str, visit: &mut dyn FnMut(&str, u64, &[u8])) -> Result<(), VaultError>;

    fn names_from(&self, kind: &str, prefix: &str) -> Result<Vec<String>, VaultError>;

    fn apply(&self, changes: &[SealedChange<'_>], wait: Wait) -> Result<Vec<u64>, VaultError>;

    fn check_writable(&self) -> Result<(), VaultError>;

    /// An error if a later version has taken over the store in between: a record that it has sealed
    /// is not damaged, but unknown here.
    fn check_version(&self) -> Result<(), VaultError>;

    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError>;

    /// The keys of all records that are renewed under a lock.
    fn lockable(&self) -> Result<Vec<RecordKey>, VaultError>;

    /// Replaces each sealed value, all in one transaction. The generations stay.
    fn seal_anew(&self, seal: &mut Reseal<'_>) -> Result<(), VaultError>;

    fn may_forget(&self) -> bool {
        false
    }

    fn look_interval(&self) -> Duration {
        LOOK_INTERVAL
    }

    fn changes(&self) -> Option<Changes> {
        None
    }
}

/// Seals a value with another key. It gets the kind, the name, the generation, and the value as it
/// is sealed now.
pub(super) type Reseal<'a> = dyn FnMut(&str, &str, u64, &[u8]) -> Result<Vec<u8>, VaultError> + 'a;

/// A record as a store has it.
pub(super) struct SealedRecord {
    pub(super) generation: u64,
    pub(super) sealed: Vec<u8>,
}

/// One step of a store's transaction.
pub(super) enum SealedChange<'a> {
    Delete(&'a RecordKey),
    /// Refuses the transaction unless the lease is still held by that claim.
    Holds(&'a Claim),
    /// Refuses the transaction unless the record still has this sealed value.
    Keeps {
        key: &'a RecordKey,
        sealed: &'a [u8],
    },
    Put {
        key: &'a RecordKey,
        expect: Expect,
        /// Seals the value for the generation that the record gets.
        seal: Box<dyn Fn(u64) -> Result<Vec<u8>, VaultError> + 'a>,
    },
}

/// Whether a transaction waits for the transactions of other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    ForOthers,
    Never,
}
