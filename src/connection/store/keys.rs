//! The keys of the vault's records, and the records that hold one value.

use authsome_providers::{BaseUrl, Flow, ProviderId};

use super::codec;
use super::error::StoreError;
use crate::connection::application::Application;
use crate::connection::record::Connection;
use crate::connection::terms::DefinitionUsed;
use crate::credential::{ConnectionId, ConnectionName};

use crate::secret::Secret;
use crate::vault::{Change, Expect, RecordKey};

/// The kinds of records.
pub(super) const CONNECTION: &str = "connection";
pub(super) const CLIENT: &str = "client";
pub(super) const DEFAULT: &str = "default";
pub(super) const DEFINITION: &str = "definition";
pub(super) const LOGIN: &str = "login";

pub(super) fn connection_key(id: &ConnectionId) -> RecordKey {
    RecordKey::new(CONNECTION, id.to_string())
}

pub(super) fn client_key(provider: &ProviderId, base_url: Option<&BaseUrl>) -> RecordKey {
    let place = base_url.map(ToString::to_string).unwrap_or_default();
    // An application is registered at one instance, so each instance has its own record. The space
    // is unambiguous, since a provider's name has none.
    RecordKey::new(CLIENT, format!("{provider} {place}"))
}

pub(super) fn default_change(provider: &ProviderId, name: &ConnectionName) -> Change {
    Change::Put {
        key: RecordKey::new(DEFAULT, provider.as_str()),
        value: Secret::new(name.to_string().into_bytes()),
        expect: Expect::Any,
    }
}

/// Stores the application of a connection, for later logins. A client that has registered itself
/// belongs to its connection alone, as does a key that is exchanged.
pub(super) fn client_change(
    connection: &Connection,
    expect: Expect,
) -> Result<Option<Change>, StoreError> {
    let client = connection.client.as_ref();
    let Some(client) =
        client.filter(|_| connection.flow != Some(Flow::DcrPkce) && !connection.is_of_key())
    else {
        return Ok(None);
    };
    Ok(Some(Change::Put {
        key: client_key(&connection.id.provider, connection.base_url.as_ref()),
        value: codec::encode_client(&Application::of(client))?,
        expect,
    }))
}

/// Stores the text of the custom definition that the connection is made with.
pub(super) fn definition_change(connection: &Connection) -> Option<Change> {
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

/// The connections by the names of their records, which need no key. `names_of` gives the names of
/// all records of a kind.
pub fn ids_by_names(names_of: impl FnOnce(&'static str) -> Vec<String>) -> Vec<ConnectionId> {
    let names = names_of(CONNECTION);
    names.iter().filter_map(|name| parse_id(name)).collect()
}

pub(super) fn parse_id(name: &str) -> Option<ConnectionId> {
    let (provider, name) = name.split_once('/')?;
    Some(ConnectionId {
        provider: provider.parse().ok()?,
        name: name.parse().ok()?,
    })
}
