//! Connections, applications and defaults as records of the vault. The only place that writes a secret down, and there only into the vault.

use std::sync::Arc;

use authsome_providers::{BaseUrl, ProviderId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::record::{ClientCredentials, Connection, Standing, Tokens};
use crate::clock::Timestamp;
use crate::credential::{ConnectionId, ConnectionName};
use crate::oauth::{Account, OAuthClient};
use crate::secret::{Secret, SecretBuffer};
use crate::vault::{Change, Expect, RecordKey, Vault, VaultError};

/// The kinds of records.
const CONNECTION: &str = "connection";
const CLIENT: &str = "client";
const DEFAULT: &str = "default";

/// Why a connection cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is one of that name already, or it changed meanwhile.
    #[error("the connection changed meanwhile")]
    Conflict,
    /// The record opens, but it is not one of ours.
    #[error("the record of {record} is not readable: {reason}")]
    Unreadable {
        /// Which.
        record: String,
        /// Where it goes wrong, without the content.
        reason: String,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// A connection with the state that the vault has it in.
#[derive(Debug)]
pub struct Stored {
    /// The connection.
    pub connection: Connection,
    /// Its state's number.
    pub generation: u64,
}

/// Reads and writes connections. All methods block for the length of a disk access.
#[derive(Clone)]
pub struct ConnectionStore {
    vault: Arc<Vault>,
}

/// The JSON inside a sealed record.
#[derive(Serialize, Deserialize)]
struct ConnectionRecord {
    base_url: Option<String>,
    ca_pem: Option<String>,
    client_id: String,
    client_secret: Option<Plain>,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    access_token: Plain,
    refresh_token: Option<Plain>,
    obtained_at: u64,
    expires_at: Option<u64>,
    scopes: Vec<String>,
    account_id: Option<String>,
    account_label: Option<String>,
    needs_login: Option<NeedsLogin>,
}

#[derive(Serialize, Deserialize)]
struct NeedsLogin {
    reason: String,
    since: u64,
    access_ended: bool,
}

#[derive(Serialize, Deserialize)]
struct ClientRecord {
    client_id: String,
    client_secret: Option<Plain>,
}

/// A secret that is written down: only here, and only into the buffer that is sealed.
struct Plain(Secret<String>);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl ConnectionStore {
    /// The connections of that vault.
    pub fn new(vault: Arc<Vault>) -> Self {
        Self { vault }
    }

    /// One connection.
    pub fn load(&self, id: &ConnectionId) -> Result<Option<Stored>, StoreError> {
        let Some(record) = self.vault.get(&connection_key(id))? else {
            return Ok(None);
        };
        let connection = decode(id, &record.value)?;
        Ok(Some(Stored {
            connection,
            generation: record.generation,
        }))
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

    /// Writes a new login, with its application for the logins to come, in one transaction; the first connection of a provider becomes
    /// its default. Without `replace` there must be none of that name.
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
                value: encode(connection)?,
                expect,
            },
            Change::Put {
                key: client_key(&id.provider, connection.base_url.as_ref()),
                value: encode_client(&credentials)?,
                expect: Expect::Any,
            },
        ];
        if self.default_of(&id.provider)?.is_none() {
            changes.push(default_change(&id.provider, &id.name));
        }
        let generations = self.vault.apply(&changes).map_err(conflict)?;
        Ok(generations[0])
    }

    /// Writes a connection over the state that was read: compare and swap.
    pub fn replace(&self, connection: &Connection, generation: u64) -> Result<u64, StoreError> {
        let change = Change::Put {
            key: connection_key(&connection.id),
            value: encode(connection)?,
            expect: Expect::Generation(generation),
        };
        Ok(self.vault.apply(&[change]).map_err(conflict)?[0])
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
        self.vault.apply(&changes)?;
        Ok(())
    }

    /// The connection that a provider's name alone means: the one that was set, else the only one.
    pub fn default_of(&self, provider: &ProviderId) -> Result<Option<ConnectionName>, StoreError> {
        let mut names: Vec<_> = self
            .list()?
            .into_iter()
            .filter(|id| id.provider == *provider)
            .map(|id| id.name)
            .collect();
        let stored = self
            .stored_default(provider)?
            .filter(|name| names.contains(name));
        Ok(stored.or_else(|| if names.len() == 1 { names.pop() } else { None }))
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
        let read: ClientRecord = parse("an application", record.value.expose())?;
        let client_secret = read.client_secret.map(|secret| secret.0);
        Ok(Some(ClientCredentials {
            client_id: read.client_id,
            client_secret,
        }))
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

fn connection_key(id: &ConnectionId) -> RecordKey {
    RecordKey::new(CONNECTION, id.to_string())
}

fn client_key(provider: &ProviderId, base_url: Option<&BaseUrl>) -> RecordKey {
    let place = base_url.map(ToString::to_string).unwrap_or_default();
    RecordKey::new(CLIENT, format!("{provider} {place}"))
}

fn default_change(provider: &ProviderId, name: &ConnectionName) -> Change {
    Change::Put {
        key: RecordKey::new(DEFAULT, provider.as_str()),
        value: Secret::new(name.to_string().into_bytes()),
        expect: Expect::Any,
    }
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

fn encode(connection: &Connection) -> Result<Secret<Vec<u8>>, StoreError> {
    let tokens = &connection.tokens;
    let needs_login = match &connection.standing {
        Standing::Good => None,
        Standing::NeedsLogin {
            reason,
            since,
            access_ended,
        } => Some(NeedsLogin {
            reason: reason.clone(),
            since: since.seconds(),
            access_ended: *access_ended,
        }),
    };
    let record = ConnectionRecord {
        base_url: connection.base_url.as_ref().map(ToString::to_string),
        ca_pem: connection.ca_pem.clone(),
        client_id: connection.client.client_id.clone(),
        client_secret: connection.client.client_secret.clone().map(Plain),
        token_endpoint: connection.client.token_endpoint.clone(),
        revocation_endpoint: connection.client.revocation_endpoint.clone(),
        access_token: Plain(tokens.access.clone()),
        refresh_token: tokens.refresh.clone().map(Plain),
        obtained_at: tokens.obtained_at.seconds(),
        expires_at: tokens.expires_at.map(Timestamp::seconds),
        scopes: tokens.scopes.clone(),
        account_id: connection
            .account
            .as_ref()
            .map(|account| account.id.clone()),
        account_label: connection
            .account
            .as_ref()
            .and_then(|account| account.label.clone()),
        needs_login,
    };
    write(&connection.id.to_string(), &record)
}

fn decode(id: &ConnectionId, value: &Secret<Vec<u8>>) -> Result<Connection, StoreError> {
    let record: ConnectionRecord = parse(&id.to_string(), value.expose())?;
    let unreadable = |reason: String| StoreError::Unreadable {
        record: id.to_string(),
        reason,
    };
    let base_url = record
        .base_url
        .map(|text| text.parse::<BaseUrl>())
        .transpose();
    let label = record.account_label;
    Ok(Connection {
        id: id.clone(),
        base_url: base_url.map_err(|error| unreadable(error.to_string()))?,
        ca_pem: record.ca_pem,
        client: OAuthClient {
            client_id: record.client_id,
            client_secret: record.client_secret.map(|secret| secret.0),
            token_endpoint: record.token_endpoint,
            revocation_endpoint: record.revocation_endpoint,
        },
        tokens: Tokens {
            access: record.access_token.0,
            refresh: record.refresh_token.map(|token| token.0),
            obtained_at: Timestamp::from_seconds(record.obtained_at),
            expires_at: record.expires_at.map(Timestamp::from_seconds),
            scopes: record.scopes,
        },
        account: record.account_id.map(|id| Account { id, label }),
        standing: record
            .needs_login
            .map_or(Standing::Good, |found| Standing::NeedsLogin {
                reason: found.reason,
                since: Timestamp::from_seconds(found.since),
                access_ended: found.access_ended,
            }),
    })
}

fn encode_client(client: &ClientCredentials) -> Result<Secret<Vec<u8>>, StoreError> {
    let record = ClientRecord {
        client_id: client.client_id.clone(),
        client_secret: client.client_secret.clone().map(Plain),
    };
    write("an application", &record)
}

fn write(name: &str, record: &impl Serialize) -> Result<Secret<Vec<u8>>, StoreError> {
    let mut buffer = SecretBuffer::default();
    serde_json::to_writer(&mut buffer, record).map_err(|error| StoreError::Unreadable {
        record: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(buffer.finish())
}

/// serde's messages can quote a value; only the place is passed on.
fn parse<'a, T: Deserialize<'a>>(name: &str, value: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Unreadable {
        record: name.to_owned(),
        reason: format!("line {} column {}", error.line(), error.column()),
    })
}
