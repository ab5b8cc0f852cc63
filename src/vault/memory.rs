//! A vault in memory, for tests. It has no file and no key, and passes the tests that every vault
//! must pass (`tests.rs`). Its clones are the same vault, as several processes see one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::export_key::ExportKeys;
use super::lock::Held;
use super::{
    Change, Claim, Expect, Pending, Record, RecordKey, RecordLock, Reserve, Vault, VaultError,
};
use crate::secret::Secret;

/// A vault that exists as long as one of its clones.
#[derive(Clone, Debug)]
pub(crate) struct MemoryVault {
    shared: Arc<Shared>,
    export_keys: Arc<ExportKeys>,
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            export_keys: Arc::new(ExportKeys::from_bytes(&Secret::new([7; 32]))),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    unlocked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By kind and name.
    records: BTreeMap<(&'static str, String), Stored>,
    /// The last generation that was given.
    generation: u64,
    /// By the record's name: the replaced generation, the step, the value.
    pending: BTreeMap<String, (u64, u32, Secret<Vec<u8>>)>,
    reserved: BTreeSet<String>,
    locked: BTreeSet<String>,
    refuses: Refuses,
}

#[derive(Debug)]
struct Stored {
    generation: u64,
    value: Secret<Vec<u8>>,
}

impl Stored {
    fn record(&self) -> Record {
        Record {
            generation: self.generation,
            value: copy(&self.value),
        }
    }
}

/// What a vault refuses to store, as if the disk were full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Refuses {
    #[default]
    Nothing,
    /// Records; values can still be stored beside the vault.
    Records,
    Everything,
}

impl MemoryVault {
    /// From now on, the vault refuses that.
    pub(crate) fn refuse(&self, what: Refuses) {
        self.state().refuses = what;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for MemoryVault {
    fn get(&self, key: &RecordKey) -> Result<Option<Record>, VaultError> {
        let state = self.state();
        let found = state.records.get(&(key.kind, key.name.clone()));
        Ok(found.map(Stored::record))
    }

    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError> {
        Ok(self.state().generation_of(key))
    }

    fn each(
        &self,
        kind: &'static str,
        visit: &mut dyn FnMut(&str, Result<Record, VaultError>),
    ) -> Result<(), VaultError> {
        for (name, stored) in self.state().of_kind(kind) {
            visit(name, Ok(stored.record()));
        }
        Ok(())
    }

    fn names_from(&self, kind: &'static str, prefix: &str) -> Result<Vec<String>, VaultError> {
        let state = self.state();
        let names = state.of_kind(kind).map(|(name, _)| name);
        Ok(names
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }

    fn apply(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError> {
        self.state().apply(changes)
    }

    fn apply_now(
        &self,
        changes: &[Change],
        _claim: Option<&Claim>,
    ) -> Result<Vec<u64>, VaultError> {
        self.apply(changes)
    }

    fn check_writable(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError> {
        let is_held = |state: &mut State| state.locked.contains(&key.name);
        let state = self.state();
        let waited = self
            .shared
            .unlocked
            .wait_timeout_while(state, wait, is_held);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !state.locked.insert(key.name.clone()) {
            return Err(VaultError::RecordLocked {
                lock: PathBuf::from(&key.name),
                waited: wait,
            });
        }
        Ok(RecordLock::new(MemoryLock {
            shared: Arc::clone(&self.shared),
            name: key.name.clone(),
        }))
    }

    fn reserve(
        &self,
        key: &RecordKey,
        base: u64,
        step: u32,
        _size: usize,
    ) -> Result<Box<dyn Reserve>, VaultError> {
        self.state().reserved.insert(key.name.clone());
        Ok(Box::new(MemoryReserve {
            shared: Arc::clone(&self.shared),
            name: key.name.clone(),
            base,
            step,
        }))
    }

    fn pending(&self, key: &RecordKey) -> Result<Option<Pending>, VaultError> {
        let state = self.state();
        let found = state.pending.get(&key.name);
        Ok(found.map(|(base, step, value)| Pending {
            base: *base,
            step: *step,
            value: copy(value),
        }))
    }

    fn pending_names(&self) -> Result<BTreeSet<String>, VaultError> {
        let state = self.state();
        let names = state.pending.keys().chain(&state.reserved);
        Ok(names.cloned().collect())
    }

    fn export_keys(&self) -> &Arc<ExportKeys> {
        &self.export_keys
    }

    fn forget_pending(&self, key: &RecordKey) -> Result<(), VaultError> {
        let mut state = self.state();
        state.pending.remove(&key.name);
        state.reserved.remove(&key.name);
        Ok(())
    }
}

impl State {
    fn generation_of(&self, key: &RecordKey) -> Option<u64> {
        let found = self.records.get(&(key.kind, key.name.clone()));
        found.map(|stored| stored.generation)
    }

    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = (&String, &Stored)> {
        let first = (kind, String::new());
        let from = self.records.range(first..);
        from.take_while(move |((found, _), _)| *found == kind)
            .map(|((_, name), stored)| (name, stored))
    }

    /// Compares each change with the state before all of them, so no key may be in two changes.
    fn apply(&mut self, changes: &[Change]) -> Result<Vec<u64>, VaultError> {
        if self.refuses != Refuses::Nothing {
            return Err(full());
        }
        for change in changes {
            let Change::Put { key, expect, .. } = change else {
                continue;
            };
            let is_as_expected = match expect {
                Expect::Absent => self.generation_of(key).is_none(),
                Expect::Any => true,
                Expect::Generation(generation) => self.generation_of(key) == Some(*generation),
            };
            if !is_as_expected {
                return Err(VaultError::Conflict);
            }
        }
        let mut generations = Vec::new();
        for change in changes {
            match change {
                Change::Delete(key) => {
                    self.records.remove(&(key.kind, key.name.clone()));
                }
                Change::Put { key, value, .. } => {
                    self.generation += 1;
                    let stored = Stored {
                        generation: self.generation,
                        value: copy(value),
                    };
                    self.records.insert((key.kind, key.name.clone()), stored);
                    generations.push(self.generation);
                }
            }
        }
        Ok(generations)
    }
}

#[derive(Debug)]
struct MemoryLock {
    shared: Arc<Shared>,
    name: String,
}

impl Held for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.shared.state().locked.remove(&self.name);
        self.shared.unlocked.notify_all();
    }
}

struct MemoryReserve {
    shared: Arc<Shared>,
    name: String,
    base: u64,
    step: u32,
}

impl Reserve for MemoryReserve {
    fn fill(&mut self, value: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        let value = (self.base, self.step, copy(value));
        let mut state = self.shared.state();
        if state.refuses == Refuses::Everything {
            return Err(full());
        }
        state.pending.insert(self.name.clone(), value);
        Ok(())
    }
}

impl Drop for MemoryReserve {
    fn drop(&mut self) {
        self.shared.state().reserved.remove(&self.name);
    }
}

fn full() -> VaultError {
    VaultError::NoRoom(PathBuf::from("memory"))
}

fn copy(value: &Secret<Vec<u8>>) -> Secret<Vec<u8>> {
    Secret::new(value.expose().clone())
}
