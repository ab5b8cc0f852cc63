//! New states of connections that the vault cannot take yet.

use std::time::Duration;

use super::{
    ConnectionStore, StoreError, Stored, codec, conflict, connection_key, number, parse_id,
};
use crate::connection::record::Connection;
use crate::credential::ConnectionId;
use crate::vault::{Change, Expect, RecordLock, Reserve, VaultError};

impl ConnectionStore {
    /// Waits for the right to spend a connection's refresh token, at most so long. Blocks the
    /// thread.
    pub(in crate::connection) fn lock(
        &self,
        id: &ConnectionId,
        wait: Duration,
    ) -> Result<RecordLock, VaultError> {
        self.vault.lock(&connection_key(id), wait)
    }

    /// Durable room for the state that will replace this one. The caller holds the connection's
    /// refresh lock.
    pub(in crate::connection) fn reserve(
        &self,
        stored: &Stored,
    ) -> Result<Box<dyn Reserve>, StoreError> {
        let key = connection_key(&stored.connection.id);
        let size = codec::encoded_length(&stored.connection)?;
        // A refresh may begin from a state that the vault has not taken either.
        let step = stored.step.saturating_add(1);
        Ok(self.vault.reserve(&key, stored.generation, step, size)?)
    }

    /// Puts a connection's new state into its room, durably.
    pub(in crate::connection) fn keep_aside(
        reserve: &mut dyn Reserve,
        connection: &Connection,
    ) -> Result<(), StoreError> {
        Ok(reserve.fill(&codec::encode(connection)?)?)
    }

    /// As [`Self::replace`], without waiting for another process's transaction.
    pub(in crate::connection) fn replace_now(
        &self,
        connection: &Connection,
        generation: u64,
    ) -> Result<u64, StoreError> {
        let change = Change::Put {
            key: connection_key(&connection.id),
            value: codec::encode(connection)?,
            expect: Expect::Generation(generation),
        };
        // Compare and swap on what the vault has. A refresh that began from a state beside the
        // vault replaces the same generation as that state.
        let written = self.vault.apply_now(&[change]).map_err(conflict)?;
        // What was kept aside is of no more use; left behind, it would be taken for what it is:
        // older.
        let _ = self.vault.forget_pending(&connection_key(&connection.id));
        Ok(written[0])
    }

    /// The number of the state that a connection is in, without decoding it.
    pub(in crate::connection) fn current(
        &self,
        id: &ConnectionId,
    ) -> Result<Option<u64>, StoreError> {
        let key = connection_key(id);
        // In this order for the same reason as in `load`.
        let pending = self.vault.pending(&key)?;
        let generation = self.vault.generation(&key)?;
        Ok(generation.map(|generation| {
            let step = pending.filter(|pending| pending.base == generation);
            number(generation, step.map_or(0, |pending| pending.step))
        }))
    }

    /// The connections beside which something lies: a state that waits for the vault, or room that
    /// nobody used.
    pub(in crate::connection) fn waiting(&self) -> Result<Vec<ConnectionId>, StoreError> {
        let names = self.vault.pending_names()?;
        Ok(names.iter().filter_map(|name| parse_id(name)).collect())
    }

    /// Takes into the vault what waits for it. The caller holds the connection's refresh lock:
    /// nobody else adds to it meanwhile.
    pub(in crate::connection) fn take_in(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let key = connection_key(id);
        if let Some(pending) = self.vault.pending(&key)? {
            let change = Change::Put {
                key: key.clone(),
                value: pending.value,
                // What waits never overwrites a state that it was not made from.
                expect: Expect::Generation(pending.base),
            };
            match self.vault.apply_now(&[change]).map_err(conflict) {
                // The vault has a newer state: it came in already, or somebody logged in anew.
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        // Only after the commit: a kill between the two leaves a file that counts for nothing.
        Ok(self.vault.forget_pending(&key)?)
    }
}
