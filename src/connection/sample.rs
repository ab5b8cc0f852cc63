//! A connection for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authsome_providers::Flow;

use super::record::{Connection, GrantState, Tokens};
use super::store::{ConnectionStore, Stored};
use crate::clock::Timestamp;
use crate::oauth::{OAuthClient, RequestStyle};
use crate::secret::Secret;
use crate::vault::MemoryVault;

/// When the pair arrives, and when it ends: it lives for two hours, and is due in the last five
/// minutes.
pub(super) const ARRIVED: u64 = 1_700_000_000;
pub(super) const ENDS: u64 = ARRIVED + 7200;

/// `gitlab/default`, with the pair `access` and `refresh`.
pub(super) fn connection() -> Connection {
    let arrived = Timestamp::from_seconds(ARRIVED);
    Connection {
        id: crate::credential::ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: "default".parse().unwrap(),
        },
        base_url: None,
        ca_pem: None,
        client_certificate: None,
        client: Some(OAuthClient {
            client_id: "client".to_owned(),
            client_secret: None,
            token_endpoint: "https://gitlab.test/oauth/token".parse().unwrap(),
            revocation_endpoint: None,
            style: RequestStyle::default(),
        }),
        flow: Some(Flow::Pkce),
        params: BTreeMap::new(),
        fields: Vec::new(),
        tokens: Tokens {
            access: Secret::new("access".to_owned()),
            refresh: Some(Secret::new("refresh".to_owned())),
            obtained_at: arrived,
            expires_at: Some(arrived.plus(Duration::from_hours(2))),
            scopes: Vec::new(),
            lineage: None,
        },
        account: None,
        standing: GrantState::Good,
        terms: None,
    }
}

/// A store with that connection, and the vault behind it.
pub(super) fn stored() -> (MemoryVault, ConnectionStore, Stored) {
    let vault = MemoryVault::default();
    let store = ConnectionStore::new(Arc::new(vault.clone()));
    let connection = connection();
    store.create(&connection, false).unwrap();
    let stored = store.load(&connection.id).unwrap().unwrap();
    (vault, store, stored)
}
