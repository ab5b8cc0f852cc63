//! Connections, applications and defaults as records of the vault.
//!
//! A connection's state is its record in the vault. If a newer state waits beside the vault
//! (`vault/pending.rs`), that one is the connection's state, as long as it replaces exactly the
//! generation that the vault has:
//!
//! ```text
//! vault: 7 ── keep_aside ──→ vault: 7, beside it: 7.1 ── keep_aside ──→ vault: 7, beside it: 7.2
//!    │                                 │                                     │
//!    └── replaced, or taken in ────────┴─────────────────────────────────────┴──→ vault: 8
//!
//! 7 < 7.1 < 7.2 < 8        once the vault has 8, a state that replaces 7 is ignored
//! ```
//!
//! A login that may replace a connection replaces any state of it; a refresh replaces only the
//! state that it has read.

mod applications;
mod codec;
mod defaults;
mod error;
mod export;
mod keys;
mod moving;
mod pending;
mod records;
mod style_record;
mod suspended;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::error::StoreError;
pub use self::export::Exported;
pub use self::keys::ids_by_names;
use self::keys::{
    CONNECTION, DEFAULT, DEFINITION, client_change, connection_key, default_change,
    definition_change, parse_id,
};
use super::record::Connection;
use crate::credential::{ConnectionId, ConnectionName};
use crate::secret::Secret;
use crate::vault::{Change, Expect, ExportKeys, Pending, Record, RecordKey, Vault, VaultError};

/// What [`ConnectionStore::each`] has read of a connection.
#[derive(Debug)]
pub enum Found {
    /// Only its secrets, since it was not `wanted`.
    Secrets(Vec<Secret<String>>),
    /// All of it.
    Whole(Box<Stored>),
}

/// A connection, and which of its states this is.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The connection.
    pub connection: Connection,
    /// The generation of the record in the vault.
    pub generation: u64,
    /// How many states beside the vault have replaced that record, up to this one; 0 if this is the
    /// record.
    pub step: u32,
}

impl Stored {
    /// The number of this state: greater than that of any earlier one of this connection.
    pub(super) fn number(&self) -> u64 {
        number(self.generation, self.step)
    }
}

/// The number of a state. Those beside the vault come between the generation in the vault and the
/// next one.
pub(super) fn number(generation: u64, step: u32) -> u64 {
    // The step is bounded, so that the number stays below that of the next generation.
    (generation << 16) | u64::from(step.min(u16::MAX.into()))
}

/// Reads and writes connections. All methods block for a disk access.
#[derive(Clone)]
pub struct ConnectionStore {
    vault: Arc<dyn Vault>,
}

impl ConnectionStore {
    /// The connections of that vault.
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self { vault }
    }

    /// The newest state of a connection.
    pub fn load(&self, id: &ConnectionId) -> Result<Option<Stored>, StoreError> {
        let key = connection_key(id);
        // In this order: a state that moves into the vault between the two reads is then found in
        // the vault. In the other order, the old record would be read and the file would then be
        // gone: a spent refresh token would be used.
        let pending = self.vault.pending(&key)?;
        let Some(record) = self.vault.get(&key)? else {
            return Ok(None);
        };
        newest(id, &record, pending).map(Some)
    }

    /// All connections in one pass, sorted by provider and name: the whole of those that are
    /// `wanted`, and only the secrets of the others. A record whose name no longer parses is left
    /// out. `visit` must not call the store, which is locked meanwhile.
    pub fn each(
        &self,
        wanted: impl Fn(&ConnectionId) -> bool,
        mut visit: impl FnMut(ConnectionId, Result<Found, StoreError>),
    ) -> Result<(), StoreError> {
        // One listing of the directory saves two attempts to open a file for each connection. It
        // comes before the records for the same reason as in `load`.
        let mut waiting: BTreeMap<_, _> = self
            .vault
            .pending_names()?
            .into_iter()
            .filter_map(|name| parse_id(&name))
            .map(|id| {
                let pending = self.vault.pending(&connection_key(&id));
                (id, pending)
            })
            .collect();
        let mut read = |id: &ConnectionId, record: Result<Record, VaultError>| {
            let record = record?;
            let pending = waiting.remove(id).transpose()?.flatten();
            if wanted(id) {
                return Ok(Found::Whole(Box::new(newest(id, &record, pending)?)));
            }
            let mut secrets = codec::secrets(id, &record.value)?;
            if let Some(pending) = pending {
                secrets.extend(codec::secrets(id, &pending.value)?);
            }
            Ok(Found::Secrets(secrets))
        };
        self.vault.each(CONNECTION, &mut |name, record| {
            if let Some(id) = parse_id(name) {
                let found = read(&id, record);
                visit(id, found);
            }
        })?;
        Ok(())
    }

    /// The generation of a connection's record, without opening the record.
    pub fn generation(&self, id: &ConnectionId) -> Result<Option<u64>, StoreError> {
        Ok(self.vault.generation(&connection_key(id))?)
    }

    /// All connections, sorted by provider and name. A record whose name no longer parses is left
    /// out.
    pub fn list(&self) -> Result<Vec<ConnectionId>, StoreError> {
        let names = self.vault.names(CONNECTION)?;
        Ok(names.iter().filter_map(|name| parse_id(name)).collect())
    }

    /// Stores a new login in one transaction, together with its application, which later logins
    /// use. The first connection of a provider becomes its default. Without `replace`, a connection
    /// of that name is a conflict.
    pub fn create(&self, connection: &Connection, replace: bool) -> Result<u64, StoreError> {
        let expect = if replace { Expect::Any } else { Expect::Absent };
        self.put_new(connection, expect, Expect::Any)
    }

    /// Stores a connection that comes from elsewhere; one of that name is a conflict. If there is
    /// an application that logins use, it stays: the user has registered that one.
    pub(super) fn create_imported(&self, connection: &Connection) -> Result<u64, StoreError> {
        self.put_new(connection, Expect::Absent, Expect::Absent)
    }

    fn put_new(
        &self,
        connection: &Connection,
        expect: Expect,
        expect_client: Expect,
    ) -> Result<u64, StoreError> {
        let id = &connection.id;
        let mut changes = vec![Change::Put {
            key: connection_key(id),
            value: codec::encode(connection)?,
            expect,
        }];
        let application = || self.application(&id.provider, connection.base_url.as_ref());
        if expect_client != Expect::Absent || application()?.is_none() {
            changes.extend(client_change(connection, expect_client)?);
        }
        changes.extend(definition_change(connection));
        // Read outside the transaction: if two first logins happen at the same time, either may
        // become the default.
        if self.default_of(&id.provider)?.is_none() {
            changes.push(default_change(&id.provider, &id.name));
        }
        let generations = self.vault.apply(&changes).map_err(conflict)?;
        Ok(generations[0])
    }

    /// The keys for what leaves the vault for others that have the same master key.
    pub fn export_keys(&self) -> &Arc<ExportKeys> {
        self.vault.export_keys()
    }

    /// Checks by a small write that the vault can be written.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        Ok(self.vault.check_writable()?)
    }

    /// Replaces a connection if its record still has that generation (compare and swap).
    pub fn replace(&self, connection: &Connection, generation: u64) -> Result<u64, StoreError> {
        let mut changes = vec![Change::Put {
            key: connection_key(&connection.id),
            value: codec::encode(connection)?,
            // A slow refresh must not overwrite a login that came in between.
            expect: Expect::Generation(generation),
        }];
        changes.extend(definition_change(connection));
        Ok(self.vault.apply(&changes).map_err(conflict)?[0])
    }

    /// The text of the custom definition with that digest, as it was when a connection was made
    /// with it.
    pub fn definition(&self, digest: &str) -> Result<Option<String>, StoreError> {
        let record = self.vault.get(&RecordKey::new(DEFINITION, digest))?;
        let text = record.map(|record| String::from_utf8_lossy(record.value.expose()).into_owned());
        Ok(text)
    }

    /// Deletes a connection, and the default if it names that connection.
    pub fn delete(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let mut changes = vec![Change::Delete(connection_key(id))];
        if self.stored_default(&id.provider)?.as_ref() == Some(&id.name) {
            changes.push(Change::Delete(RecordKey::new(
                DEFAULT,
                id.provider.as_str(),
            )));
        }
        // The record first. If the process is killed between the two, the file that is left is
        // ignored: no later record has the generation that it replaces.
        self.vault.apply(&changes)?;
        Ok(self.vault.forget_pending(&connection_key(id))?)
    }
}

/// The record, or the state beside the vault that replaces it.
fn newest(
    id: &ConnectionId,
    record: &Record,
    pending: Option<Pending>,
) -> Result<Stored, StoreError> {
    let generation = record.generation;
    let found = |connection, step| Stored {
        connection,
        generation,
        step,
    };
    let Some(pending) = pending else {
        return Ok(found(codec::decode(id, &record.value)?, 0));
    };
    if pending.base == generation {
        return Ok(found(codec::decode(id, &pending.value)?, pending.step));
    }
    // Any other base is outdated: a login has replaced it, or this state itself has been taken into
    // the vault. The exception is a pair of the same grant that comes after the record's: the
    // record was changed meanwhile, or its server has forgotten a write.
    let connection = codec::decode(id, &record.value)?;
    match codec::decode(id, &pending.value) {
        Ok(later) if later.tokens.succeeds(&connection.tokens) => Ok(found(later, pending.step)),
        _ => Ok(found(connection, 0)),
    }
}

/// The name in the record of a provider's default. A text that is no name is none.
fn name_in(record: &Record) -> Option<ConnectionName> {
    std::str::from_utf8(record.value.expose())
        .ok()?
        .parse()
        .ok()
}

fn conflict(error: VaultError) -> StoreError {
    match error {
        VaultError::Conflict => StoreError::Conflict,
        other => StoreError::Vault(other),
    }
}
