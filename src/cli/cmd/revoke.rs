//! `authsome revoke`: at the provider, then here, whatever the provider answered.

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
    // A refresh in another process would put a new pair in the place of the one that is revoked.
    let _lock = lock_grant(&data.store, &id)?;
    // This very connection: the default may be another by now.
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

/// The refresh token goes: with it the whole grant ends, while an expired access token would be a
/// silent no-op for some servers.
async fn revoke(connection: &Connection, clients: &HttpClients) -> Result<(), OAuthError> {
    if connection.client.revocation_endpoint.is_none() {
        return Err(OAuthError::NoRevocation);
    }
    let http = clients.for_connection(
        connection.ca_pem.as_deref(),
        connection.client_certificate.as_ref(),
    )?;
    let token = match &connection.tokens.refresh {
        Some(token) => RevocableToken::Refresh(token),
        None => RevocableToken::Access(&connection.tokens.access),
    };
    connection.client.revoke(token, &http).await
}
