//! Connections, applications and defaults as records of the vault.
//!
//! A connection's state is the record in the vault, or what waits beside it for the vault
//! (`vault/pending.rs`), as long as that replaces the very generation that the vault has:
//!
//! ```text
//! vault: 7 ── kept aside ──→ vault: 7, beside it 7.1 ── kept aside ──→ vault: 7, beside it 7.2
//!    │                                  │                                   │
//!    └── replaced, or taken in ─────────┴───────────────────────────────────┴──→ vault: 8
//!
//! 7 < 7.1 < 7.2 < 8        what replaces 7 counts for nothing once the vault has 8
//! ```
//!
//! A login that may replace a connection replaces any state of it; a refresh replaces only the one
//! that it has read.

mod codec;
mod error;
mod pending;

use std::collections::BTreeMap;
use std::sync::Arc;

use authsome_providers::{BaseUrl, ProviderId};

pub use self::error::StoreError;
use super::record::{ClientCredentials, Connection};
use super::terms::DefinitionUsed;
use crate::credential::{ConnectionId, ConnectionName};
use crate::secret::Secret;
use crate::vault::{Change, Expect, Pending, Record, RecordKey, Vault, VaultError};

/// The kinds of records.
const CONNECTION: &str = "connection";
const CLIENT: &str = "client";
const DEFAULT: &str = "default";
const DEFINITION: &str = "definition";

/// What [`ConnectionStore::each`] has read of a connection.
#[derive(Debug)]
pub enum Found {
    /// Its secrets and nothing else: it was not wanted.
    Secrets(Vec<Secret<String>>),
    /// All of it.
    Whole(Box<Stored>),
}

/// A connection with the state that the vault has it in.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The connection.
    pub connection: Connection,
    /// The number of the state that the vault has.
    pub generation: u64,
    /// How many states have replaced that one and wait for the vault beside it; mostly none.
    pub step: u32,
}

impl Stored {
    /// The number of this state: greater than that of any earlier one of this connection.
    pub(super) fn number(&self) -> u64 {
        number(self.generation, self.step)
    }
}

/// States that wait for the vault come between the one that it has and the next.
pub(super) fn number(generation: u64, step: u32) -> u64 {
    // At its bound the step stays below the next generation.
    (generation << 16) | u64::from(step.min(u16::MAX.into()))
}

/// Reads and writes connections. All methods block for the length of a disk access.
#[derive(Clone)]
pub struct ConnectionStore {
    vault: Arc<dyn Vault>,
}

impl ConnectionStore {
    /// The connections of that vault.
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self { vault }
    }

    /// One connection.
    pub fn load(&self, id: &ConnectionId) -> Result<Option<Stored>, StoreError> {
        let key = connection_key(id);
        // In this order: what comes into the vault between the two is then found there. The other
        // way round, the old record would be read and the file be gone: a spent token in force.
        let pending = self.vault.pending(&key)?;
        let Some(record) = self.vault.get(&key)? else {
            return Ok(None);
        };
        newest(id, record, pending).map(Some)
    }

    /// All connections in one pass, by provider and name: those that are `wanted` whole, of the
    /// others their secrets. A record whose name no longer parses is left out. `visit` must not
    /// call the store.
    pub fn each(
        &self,
        wanted: impl Fn(&ConnectionId) -> bool,
        mut visit: impl FnMut(ConnectionId, Result<Found, StoreError>),
    ) -> Result<(), StoreError> {
        // One listing of the directory spares two attempts to open a file for each connection.
        // Before the records, as in `load`: what is taken into the vault meanwhile is then found
        // there.
        let mut waiting: BTreeMap<_, _> = self
            .vault
            .pending_names()?
            .into_iter()
            .filter_map(|name| parse_id(&name))
            .filter(|id| wanted(id))
            .map(|id| {
                let pending = self.vault.pending(&connection_key(&id));
                (id, pending)
            })
            .collect();
        let mut read = |id: &ConnectionId, record: Result<Record, VaultError>| {
            let record = record?;
            if wanted(id) {
                let pending = waiting.remove(id).transpose()?.flatten();
                return Ok(Found::Whole(Box::new(newest(id, record, pending)?)));
            }
            Ok(Found::Secrets(codec::secrets(id, &record.value)?))
        };
        self.vault.each(CONNECTION, &mut |name, record| {
            if let Some(id) = parse_id(name) {
                let found = read(&id, record);
                visit(id, found);
            }
        })?;
        Ok(())
    }

    /// The state that a connection is in, without opening it.
    pub fn generation(&self, id: &ConnectionId) -> Result<Option<u64>, StoreError> {
        Ok(self.vault.generation(&connection_key(id))?)
    }

    /// All connections, by provider and name. A record whose name no longer parses is left out.
    pub fn list(&self) -> Result<Vec<ConnectionId>, StoreError> {
        let names = self.vault.names(CONNECTION)?;
        Ok(names.iter().filter_map(|name| parse_id(name)).collect())
    }

    /// Writes a new login, with its application for the logins to come, in one transaction; the
    /// first connection of a provider becomes its default. Without `replace` there must be none of
    /// that name.
    pub fn create(&self, connection: &Connection, replace: bool) -> Result<u64, StoreError> {
        let id = &connection.id;
        let expect = if replace { Expect::Any } else { Expect::Absent };
        let credentials = ClientCredentials {
            client_id: connection.client.client_id.clone(),
            client_secret: connection.client.client_secret.clone(),
        };
        let mut changes = vec![
            Change::Put {
                key: connection_key(id),
                value: codec::encode(connection)?,
                expect,
            },
            Change::Put {
                key: client_key(&id.provider, connection.base_url.as_ref()),
                value: codec::encode_client(&credentials)?,
                expect: Expect::Any,
            },
        ];
        changes.extend(definition_change(connection));
        // Read outside the transaction: of two first logins at one time either may become the
        // default.
        if self.default_of(&id.provider)?.is_none() {
            changes.push(default_change(&id.provider, &id.name));
        }
        let generations = self.vault.apply(&changes).map_err(conflict)?;
        Ok(generations[0])
    }

    /// Finds out by a small write whether anything can be written.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        Ok(self.vault.check_writable()?)
    }

    /// Writes a connection over the state that was read: compare and swap.
    pub fn replace(&self, connection: &Connection, generation: u64) -> Result<u64, StoreError> {
        let mut changes = vec![Change::Put {
            key: connection_key(&connection.id),
            // A refresh that took long must not overwrite a login that came meanwhile.
            value: codec::encode(connection)?,
            expect: Expect::Generation(generation),
        }];
        changes.extend(definition_change(connection));
        Ok(self.vault.apply(&changes).map_err(conflict)?[0])
    }

    /// The text of the custom definition of that digest, as a connection was made with it.
    pub fn definition(&self, digest: &str) -> Result<Option<String>, StoreError> {
        let record = self.vault.get(&RecordKey::new(DEFINITION, digest))?;
        let text = record.map(|record| String::from_utf8_lossy(record.value.expose()).into_owned());
        Ok(text)
    }

    /// Forgets a connection; a default that named it is forgotten too.
    pub fn delete(&self, id: &ConnectionId) -> Result<(), StoreError> {
        let mut changes = vec![Change::Delete(connection_key(id))];
        if self.stored_default(&id.provider)?.as_ref() == Some(&id.name) {
            changes.push(Change::Delete(RecordKey::new(
                DEFAULT,
                id.provider.as_str(),
            )));
        }
        // The record first. A kill between the two leaves a file that replaces nothing: no later
        // record has its generation.
        self.vault.apply(&changes)?;
        Ok(self.vault.forget_pending(&connection_key(id))?)
    }

    /// The connection that a provider's name alone means: the one that was set, else the only one.
    pub fn default_of(&self, provider: &ProviderId) -> Result<Option<ConnectionName>, StoreError> {
        if let Some(name) = self.stored_default(provider)? {
            let id = ConnectionId {
                provider: provider.clone(),
                name,
            };
            // A default may name a connection that another process has just deleted.
            if self.generation(&id)?.is_some() {
                return Ok(Some(id.name));
            }
        }
        let names = self.vault.names_from(CONNECTION, &format!("{provider}/"))?;
        let mut ids = names.iter().filter_map(|name| parse_id(name));
        let first = ids.next();
        Ok(first.filter(|_| ids.next().is_none()).map(|id| id.name))
    }

    /// Makes a connection its provider's default.
    pub fn set_default(&self, id: &ConnectionId) -> Result<(), StoreError> {
        self.vault
            .apply(&[default_change(&id.provider, &id.name)])?;
        Ok(())
    }

    /// The application that earlier logins at that place used.
    pub fn client(
        &self,
        provider: &ProviderId,
        base_url: Option<&BaseUrl>,
    ) -> Result<Option<ClientCredentials>, StoreError> {
        let key = client_key(provider, base_url);
        let Some(record) = self.vault.get(&key)? else {
            return Ok(None);
        };
        codec::decode_client(&record.value).map(Some)
    }

    fn stored_default(&self, provider: &ProviderId) -> Result<Option<ConnectionName>, StoreError> {
        let record = self
            .vault
            .get(&RecordKey::new(DEFAULT, provider.as_str()))?;
        Ok(record.and_then(|record| {
            std::str::from_utf8(record.value.expose())
                .ok()?
                .parse()
                .ok()
        }))
    }
}

/// A record, or what replaces the very state that it is in.
fn newest(
    id: &ConnectionId,
    record: Record,
    pending: Option<Pending>,
) -> Result<Stored, StoreError> {
    let generation = record.generation;
    // Any other base was overtaken: a login, or the same value on its way through the vault.
    let (value, step) = match pending.filter(|pending| pending.base == generation) {
        Some(pending) => (pending.value, pending.step),
        None => (record.value, 0),
    };
    Ok(Stored {
        connection: codec::decode(id, &value)?,
        generation,
        step,
    })
}

fn connection_key(id: &ConnectionId) -> RecordKey {
    RecordKey::new(CONNECTION, id.to_string())
}

fn client_key(provider: &ProviderId, base_url: Option<&BaseUrl>) -> RecordKey {
    let place = base_url.map(ToString::to_string).unwrap_or_default();
    // An application is registered at one instance, so each has its own. A provider's name has no
    // blank.
    RecordKey::new(CLIENT, format!("{provider} {place}"))
}

fn default_change(provider: &ProviderId, name: &ConnectionName) -> Change {
    Change::Put {
        key: RecordKey::new(DEFAULT, provider.as_str()),
        value: Secret::new(name.to_string().into_bytes()),
        expect: Expect::Any,
    }
}

/// Keeps the text of the custom definition that the connection is made with.
fn definition_change(connection: &Connection) -> Option<Change> {
    let DefinitionUsed::Custom(custom) = &connection.terms.as_ref()?.definition else {
        return None;
    };
    let text = custom.text.as_ref()?;
    Some(Change::Put {
        key: RecordKey::new(DEFINITION, custom.digest.as_str()),
        value: Secret::new(text.as_bytes().to_vec()),
        expect: Expect::Any,
    })
}

fn conflict(error: VaultError) -> StoreError {
    match error {
        VaultError::Conflict => StoreError::Conflict,
        other => StoreError::Vault(other),
    }
}

fn parse_id(name: &str) -> Option<ConnectionId> {
    let (provider, name) = name.split_once('/')?;
    Some(ConnectionId {
        provider: provider.parse().ok()?,
        name: name.parse().ok()?,
    })
}
