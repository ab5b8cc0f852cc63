//! `authsome revoke`: revokes the grant at the provider, then removes it here in any case.

use serde_json::json;

use crate::audit::{Event, Kind};
use crate::cli::args::Named;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, not_found};
use crate::connection::{Connection, lock_grant};
use crate::oauth::{HttpClients, OAuthError, RevocableToken};

pub(in crate::cli) fn run(arguments: &Named, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let id = data.connection(arguments)?.connection.id;
    // Without the lock, another process could refresh and store a new pair in place of the revoked
    // one.
    let _lock = lock_grant(&data.store, &id)?;
    // Loaded by its id, because the default connection may have changed in the meantime.
    let stored = data.store.load(&id)?;
    let connection = stored
        .ok_or_else(|| not_found(&id.provider, Some(&id.name)))?
        .connection;
    let runtime = Context::runtime()?;
    let clients = Context::clients(&[]);
    let answered = runtime.block_on(revoke(&connection, &clients));
    runtime.shutdown_background();
    data.store.delete(&connection.id)?;
    let failed = answered.as_ref().err().map(ToString::to_string);
    let event = Event::new(Kind::Revoke).of(&connection.id);
    data.audit.record(&match &failed {
        Some(reason) => event.because(reason),
        None => event,
    });
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({
            "connection": connection.id.to_string(),
            "revoked_at_provider": failed.is_none(),
            "removed_locally": true,
            "reason": failed,
        }));
        return Ok(());
    }
    match failed {
        None => printer.say(&format!(
            "Revoked {} at the provider and forgot it here.",
            connection.id
        )),
        // A key is not of a grant: no request ends it.
        Some(_) if connection.is_of_key() => printer.say(&format!(
            "Forgot {} here. The key is still good: delete it on the service's page.",
            connection.id
        )),
        Some(reason) => {
            printer.warn(&format!(
                "the provider did not confirm the revocation: {reason}"
            ));
            printer.say(&format!(
                "Forgot {} here. Revoke the grant on the provider's applications page.",
                connection.id
            ));
        }
    }
    Ok(())
}

/// Revokes the refresh token, if there is one, because that ends the whole grant. Some servers
/// silently ignore the revocation of an expired access token.
async fn revoke(connection: &Connection, clients: &HttpClients) -> Result<(), OAuthError> {
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
