//! New states of connections that cannot be written into the vault yet.

use std::time::Duration;

use super::{
    ConnectionStore, StoreError, Stored, codec, conflict, connection_key, number, parse_id,
};
use crate::connection::record::Connection;
use crate::credential::ConnectionId;
use crate::vault::{Change, Changes, Claim, Expect, RecordLock, Reserve, VaultError};

impl ConnectionStore {
    /// Takes the lock under which a connection is renewed, waiting at most that long. Blocks the
    /// thread.
    pub(in crate::connection) fn lock(
        &self,
        id: &ConnectionId,
        wait: Duration,
    ) -> Result<RecordLock, VaultError> {
        self.vault.lock(&connection_key(id), wait)
    }

    /// Reserves durable room for the state that will replace this one. The caller holds the
    /// connection's lock.
    pub(in crate::connection) fn reserve(
        &self,
        stored: &Stored,
    ) -> Result<Box<dyn Reserve>, StoreError> {
        let key = connection_key(&stored.connection.id);
        let size = codec::encoded_length(&stored.connection)?;
        // A refresh may also begin from a state that is only beside the vault.
        let step = stored.step.saturating_add(1);
        Ok(self.vault.reserve(&key, stored.generation, step, size)?)
    }

    /// Writes a connection's new state into its room, durably.
    pub(in crate::connection) fn keep_aside(
        reserve: &mut dyn Reserve,
        connection: &Connection,
    ) -> Result<(), StoreError> {
        Ok(reserve.fill(&codec::encode(connection)?)?)
    }

    /// As [`Self::replace`], but without waiting for another process's transaction, and under the
    /// lease of that claim. It writes no definition, and removes what waits beside the vault.
    ///
    /// If the record was changed in between, but still has an earlier pair of the same grant, it is
    /// replaced all the same: the pair there is spent, and this one is the only one that works.
    pub(in crate::connection) fn replace_now(
        &self,
        connection: &Connection,
        generation: u64,
        claim: Option<&Claim>,
    ) -> Result<u64, StoreError> {
        let key = connection_key(&connection.id);
        // Compare and swap on the generation in the vault. A refresh that began from a state beside
        // the vault replaces the same generation as that state.
        let written = match self.swap(connection, generation, claim) {
            Err(StoreError::Conflict) => {
                let record = self.vault.get(&key)?.ok_or(StoreError::Conflict)?;
                let found = codec::decode(&connection.id, &record.value)?;
                if !connection.tokens.succeeds(&found.tokens) {
                    return Err(StoreError::Conflict);
                }
                self.swap(connection, record.generation, claim)?
            }
            other => other?,
        };
        // The file beside the vault is no longer needed. If it cannot be removed, it is ignored,
        // since it replaces an older generation.
        let _ = self.vault.forget_written(&key);
        Ok(written)
    }

    fn swap(
        &self,
        connection: &Connection,
        generation: u64,
        claim: Option<&Claim>,
    ) -> Result<u64, StoreError> {
        let change = Change::Put {
            key: connection_key(&connection.id),
            value: codec::encode(connection)?,
            expect: Expect::Generation(generation),
        };
        let written = self.vault.apply_now(&[change], claim).map_err(conflict)?;
        written.first().copied().ok_or(StoreError::Conflict)
    }

    /// Whether the vault may forget a write that it has reported.
    pub(in crate::connection) fn may_forget(&self) -> bool {
        self.vault.may_forget()
    }

    /// How long to wait for a lock before looking whether it is still needed.
    pub(in crate::connection) fn look_interval(&self) -> Duration {
        self.vault.look_interval()
    }

    /// The changes that other processes make from now on, if the vault tells them.
    pub(in crate::connection) fn changes(&self) -> Option<Changes> {
        self.vault.changes()
    }

    /// The number of a connection's newest state, without decoding it.
    pub(in crate::connection) fn current(
        &self,
        id: &ConnectionId,
    ) -> Result<Option<u64>, StoreError> {
        let key = connection_key(id);
        // The pending state first, for the same reason as in `load`.
        let pending = self.vault.pending(&key)?;
        let generation = self.vault.generation(&key)?;
        Ok(generation.map(|generation| {
            let step = pending.filter(|pending| pending.base == generation);
            number(generation, step.map_or(0, |pending| pending.step))
        }))
    }

    /// Writes a pair beside the vault into the vault, if it counts. Blocks the thread.
    pub(in crate::connection) fn write_again(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let stored = self.load(id)?;
        if stored.is_some_and(|stored| stored.step > 0) {
            let _lock = self.lock(id, Duration::ZERO)?;
            self.take_in(id)?;
        }
        Ok(())
    }

    /// The connections that have a file beside the vault: a state that waits, or unused room. Where
    /// such a file stays after its state was written, only those whose state counts.
    pub(in crate::connection) fn waiting(&self) -> Result<Vec<ConnectionId>, StoreError> {
        let names = self.vault.pending_names()?;
        let mut ids: Vec<_> = names.iter().filter_map(|name| parse_id(name)).collect();
        if self.vault.may_forget() {
            ids.retain(|id| matches!(self.load(id), Ok(Some(stored)) if stored.step > 0));
        }
        Ok(ids)
    }

    /// Moves the state beside the vault into the vault. The caller holds the connection's lock, so
    /// no other state is written beside the vault meanwhile.
    pub(in crate::connection) fn take_in(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let key = connection_key(id);
        if let Some(pending) = self.vault.pending(&key)? {
            let connection = codec::decode(id, &pending.value)?;
            // It never overwrites a state that it does not succeed.
            match self.replace_now(&connection, pending.base, None) {
                // A conflict means that it is outdated: it is in the vault already, or the
                // connection was replaced or removed.
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        // Only after the commit. If the process is killed between the two, the file that is left is
        // ignored.
        Ok(self.vault.forget_written(&key)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::sample::stored;
    use crate::connection::store::Found;
    use crate::secret::Secret;

    #[test]
    fn the_secrets_of_a_state_beside_the_vault_are_known_for_connections_that_take_no_part() {
        let (_vault, store, stored) = stored();
        let mut renewed = stored.connection.clone();
        renewed.tokens.access = Secret::new("newer".to_owned());
        let mut reserve = store.reserve(&stored).unwrap();
        ConnectionStore::keep_aside(&mut *reserve, &renewed).unwrap();
        let mut secrets = Vec::new();
        let mut visit = |_, found: Result<Found, StoreError>| match found.unwrap() {
            Found::Secrets(found) => secrets.extend(found),
            Found::Whole(_) => panic!("it takes no part"),
        };
        store.each(|_| false, &mut visit).unwrap();
        let has = |wanted: &[u8]| secrets.iter().any(|secret| secret.matches(wanted));
        assert!(has(b"access") && has(b"newer"));
    }
}
