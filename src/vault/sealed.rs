//! A vault whose values only the master key opens, over a store that has no key.
//!
//! A sealed value is bound to its name and its generation: if a store returns it for another
//! record, or with another generation, it does not open. A generation is known only within the
//! store's transaction. So for each value, a store gets a function that seals it for the generation
//! that the store assigns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::export_key::ExportKeys;
use super::master_key::MasterKey;
use super::pending::PendingFiles;
use super::seal::{Identity, Seal};
use super::store::{SealedChange, SealedRecord, SealedStore, Wait};
use super::{
    Change, Changes, Claim, Expect, Pending, Record, RecordKey, RecordLock, Reserve, Vault,
    VaultError,
};
use crate::os::home::Home;
use crate::secret::Secret;

/// The record that tells a wrong key from a damaged record: it opens with the right key only.
const KEY_CHECK: (&str, &str) = ("vault", "key-check");

/// The kind of the records that are renewed, and so may wait beside the vault.
const CONNECTION: &str = "connection";

/// An open vault over such a store.
pub(super) struct SealedVault<S> {
    store: S,
    seal: Arc<Seal>,
    pending: PendingFiles,
    /// The record of [`KEY_CHECK`] as it is sealed. It changes only with the vault's key.
    key_check: Vec<u8>,
    export_keys: Arc<ExportKeys>,
}

impl<S: SealedStore> SealedVault<S> {
    /// Opens that store with that key. Values that cannot be written into it wait in files of the
    /// home.
    pub(super) fn open(store: S, key: &MasterKey, home: &Home) -> Result<Self, VaultError> {
        Self::open_beside(store, key, home, "pending")
    }

    /// The same, with the directory of the home in which such values wait.
    pub(super) fn open_beside(
        store: S,
        key: &MasterKey,
        home: &Home,
        directory: &str,
    ) -> Result<Self, VaultError> {
        let seal = Arc::new(Seal::new(key));
        let mut vault = Self {
            store,
            pending: PendingFiles::new(home.path(directory), Arc::clone(&seal)),
            seal,
            key_check: Vec::new(),
            export_keys: Arc::new(ExportKeys::of(key)),
        };
        vault.key_check = vault.checked(key)?;
        Ok(vault)
    }

    /// Why a record does not open: a later version may have sealed it, or another key. Only if
    /// neither has, it is no record of this vault.
    fn explained(&self, tampered: VaultError) -> VaultError {
        let (kind, name) = KEY_CHECK;
        let found = || self.store.get(&RecordKey::new(kind, name));
        if let Err(error) = self.store.check_version() {
            return error;
        }
        match found() {
            Ok(Some(record)) if record.sealed != self.key_check => VaultError::KeyChanged,
            _ => tampered,
        }
    }

    /// Forgets what waits beside the vault and is written by now; an error if something is not. It
    /// is sealed with the present key. The caller holds all locks.
    pub(super) fn forget_all_written(&self) -> Result<(), VaultError> {
        for name in self.pending.names()? {
            let key = RecordKey::new(CONNECTION, name);
            let base = self.pending.newest(&key)?.map(|pending| pending.base);
            if base.is_some() && base == self.store.generation(&key)? {
                return Err(VaultError::PendingValues);
            }
            self.pending.forget(&key)?;
        }
        Ok(())
    }

    pub(super) fn store(&self) -> &S {
        &self.store
    }

    /// The record of [`KEY_CHECK`], if the key fits. It is read once: with what a second read found
    /// after a change of the key, values would be sealed with the key of before.
    fn checked(&self, key: &MasterKey) -> Result<Vec<u8>, VaultError> {
        let (kind, name) = KEY_CHECK;
        let Some(record) = self.store.get(&RecordKey::new(kind, name))? else {
            let reason = "it lacks the record that tells whether a key fits".to_owned();
            return Err(VaultError::Corrupt {
                path: self.store.path().to_owned(),
                reason,
            });
        };
        match self.unseal(kind, name, record.generation, &record.sealed) {
            Ok(_) => Ok(record.sealed),
            Err(VaultError::Tampered { .. }) => {
                self.store.check_version()?;
                Err(VaultError::WrongKey(key.origin().clone()))
            }
            Err(error) => Err(error),
        }
    }

    fn unseal(
        &self,
        kind: &str,
        name: &str,
        generation: u64,
        sealed: &[u8],
    ) -> Result<Record, VaultError> {
        let identity = Identity {
            kind,
            name,
            generation,
        };
        match self.seal.open(&identity, sealed) {
            Ok(value) => Ok(Record { generation, value }),
            Err(_) => Err(VaultError::Tampered {
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// Seals every record with another key. This value goes on with the key before, so it is of no
    /// more use.
    pub(super) fn seal_anew(self, next: &Seal) -> Result<(), VaultError> {
        self.store.seal_anew(&mut |kind, name, generation, sealed| {
            let record = self.unseal(kind, name, generation, sealed)?;
            let identity = Identity {
                kind,
                name,
                generation,
            };
            Ok(next.seal(&identity, &record.value)?)
        })
    }

    /// Takes the lock of every record, so that nobody renews one meanwhile. Who gets a lock later
    /// finds the record sealed with another key before a token is spent.
    pub(super) fn lock_all(&self, wait: Duration) -> Result<Vec<RecordLock>, VaultError> {
        let names = self.store.lockable()?;
        let locks = names.iter().map(|key| self.store.lock(key, wait));
        locks.collect()
    }

    /// An error if a value waits beside the vault: it is sealed with the present key.
    pub(super) fn refuse_pending(&self) -> Result<(), VaultError> {
        if self.pending.names()?.is_empty() {
            return Ok(());
        }
        Err(VaultError::PendingValues)
    }

    fn write(
        &self,
        changes: &[Change],
        wait: Wait,
        claim: Option<&Claim>,
    ) -> Result<Vec<u64>, VaultError> {
        let (kind, name) = KEY_CHECK;
        let key = RecordKey::new(kind, name);
        // A value that is sealed with a key of before would open no more.
        let same_key = SealedChange::Keeps {
            key: &key,
            sealed: &self.key_check,
        };
        let changes = changes.iter().map(|change| sealed(&self.seal, change));
        let holds = claim.map(SealedChange::Holds);
        let changes: Vec<_> = std::iter::once(same_key)
            .chain(holds)
            .chain(changes)
            .collect();
        self.store.apply(&changes, wait)
    }
}

impl<S: SealedStore> Vault for SealedVault<S> {
    fn get(&self, key: &RecordKey) -> Result<Option<Record>, VaultError> {
        let Some(SealedRecord { generation, sealed }) = self.store.get(key)? else {
            return Ok(None);
        };
        match self.unseal(key.kind, &key.name, generation, &sealed) {
            Ok(record) => Ok(Some(record)),
            Err(tampered) => Err(self.explained(tampered)),
        }
    }

    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError> {
        self.store.generation(key)
    }

    fn each(
        &self,
        kind: &'static str,
        visit: &mut dyn FnMut(&str, Result<Record, VaultError>),
    ) -> Result<(), VaultError> {
        let mut has_failed = false;
        self.store.each(kind, &mut |name, generation, sealed| {
            let record = self.unseal(kind, name, generation, sealed);
            has_failed |= record.is_err();
            visit(name, record);
        })?;
        if has_failed {
            // A later version may seal in another way: that is no tampering.
            self.store.check_version()?;
        }
        Ok(())
    }

    fn names_from(&self, kind: &'static str, prefix: &str) -> Result<Vec<String>, VaultError> {
        self.store.names_from(kind, prefix)
    }

    fn apply(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError> {
        self.write(changes, Wait::ForOthers, None)
    }

    fn apply_now(&self, changes: &[Change], claim: Option<&Claim>) -> Result<Vec<u64>, VaultError> {
        self.write(changes, Wait::Never, claim)
    }

    fn check_writable(&self) -> Result<(), VaultError> {
        self.store.check_writable()
    }

    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError> {
        self.store.lock(key, wait)
    }

    fn reserve(
        &self,
        key: &RecordKey,
        base: u64,
        step: u32,
        size: usize,
    ) -> Result<Box<dyn Reserve>, VaultError> {
        Ok(Box::new(self.pending.reserve(key, base, step, size)?))
    }

    fn pending(&self, key: &RecordKey) -> Result<Option<Pending>, VaultError> {
        self.pending.newest(key)
    }

    fn pending_names(&self) -> Result<BTreeSet<String>, VaultError> {
        self.pending.names()
    }

    fn export_keys(&self) -> &Arc<ExportKeys> {
        &self.export_keys
    }

    fn forget_pending(&self, key: &RecordKey) -> Result<(), VaultError> {
        self.pending.forget(key)
    }

    fn may_forget(&self) -> bool {
        self.store.may_forget()
    }

    fn look_interval(&self) -> Duration {
        self.store.look_interval()
    }

    fn changes(&self) -> Option<Changes> {
        self.store.changes()
    }
}

/// The same change for a store, which calls `seal` once it knows the generation.
pub(super) fn sealed<'a>(seal: &'a Seal, change: &'a Change) -> SealedChange<'a> {
    match change {
        Change::Delete(key) => SealedChange::Delete(key),
        Change::Put { key, value, expect } => SealedChange::Put {
            key,
            expect: *expect,
            seal: Box::new(move |generation| {
                let identity = Identity {
                    kind: key.kind,
                    name: &key.name,
                    generation,
                };
                Ok(seal.seal(&identity, value)?)
            }),
        },
    }
}

/// The record that a new vault is created with.
pub(super) fn key_check() -> Change {
    let (kind, name) = KEY_CHECK;
    Change::Put {
        key: RecordKey::new(kind, name),
        value: Secret::new(b"authsome".to_vec()),
        expect: Expect::Absent,
    }
}
