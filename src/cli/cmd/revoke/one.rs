//! The end of one connection: at its provider, and here in any case.

use serde_json::{Value, json};

use crate::audit::{Event, Kind};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, not_found};
use crate::connection::{Connection, lock_grant};
use crate::credential::ConnectionId;
use crate::oauth::{HttpClients, OAuthError, RevocableToken};
use crate::session::UserData;

/// A connection that is no longer here.
pub(super) struct Revoked {
    pub(super) id: ConnectionId,
    pub(super) is_key: bool,
    /// Why its grant may still be good.
    pub(super) failed: Option<String>,
}

impl Revoked {
    pub(super) fn value(&self) -> Value {
        json!({
            "connection": self.id.to_string(),
            "revoked_at_provider": self.failed.is_none(),
            "removed_locally": true,
            "reason": self.failed,
        })
    }
}

/// Revokes a connection's grant, and forgets the connection whatever the provider answers.
pub(super) fn revoke(data: &UserData, id: &ConnectionId) -> Result<Revoked, Failure> {
    // Without the lock, another process could refresh and store a new pair in place of the revoked
    // one.
    let _lock = lock_grant(&data.store, id)?;
    // Loaded by its id, because the default connection may have changed in the meantime.
    let stored = data.store.load(id)?;
    let connection = stored
        .ok_or_else(|| not_found(&id.provider, Some(&id.name)))?
        .connection;
    let runtime = Context::runtime()?;
    let clients = Context::clients(&[]);
    let answered = runtime.block_on(at_provider(&connection, &clients));
    runtime.shutdown_background();
    data.store.delete(&connection.id)?;
    let failed = answered.as_ref().err().map(ToString::to_string);
    let event = Event::new(Kind::Revoke).of(&connection.id);
    data.audit.record(&match &failed {
        Some(reason) => event.because(reason),
        None => event,
    });
    Ok(Revoked {
        id: connection.id.clone(),
        is_key: connection.is_of_key(),
        failed,
    })
}

/// Revokes the refresh token, if there is one, because that ends the whole grant. Some servers
/// silently ignore the revocation of an expired access token.
async fn at_provider(connection: &Connection, clients: &HttpClients) -> Result<(), OAuthError> {
    let client = connection.client.as_ref();
    let Some(client) = client.filter(|client| client.revocation_endpoint.is_some()) else {
        return Err(OAuthError::NoRevocation);
    };
    let http = clients.for_connection(
        connection.ca_pem.as_deref(),
        connection.client_certificate.as_ref(),
    )?;
    let token = match &connection.tokens.refresh {
        Some(token) => RevocableToken::Refresh(token),
        None => RevocableToken::Access(&connection.tokens.access),
    };
    client.revoke(token, &http).await
}
