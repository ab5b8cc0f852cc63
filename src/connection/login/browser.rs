//! A login in the browser: the port, the server, the code flow, the question whose it is, and the
//! stored connection.

use std::pin::Pin;

use super::check::check;
use super::code::{CodeFlow, Granted, LAST_PAGE, PageReply};
use super::error::{DEADLINE, LoginError};
use super::means::{Means, not_stored, revoke};
use super::prompt::{Finished, FinishedBy, LoginPrompt};
use super::request::{LoginRequest, OAuthRequest};
use crate::connection::record::{ClientCredentials, Connection};
use crate::connection::store::StoreError;
use crate::loopback::{Connected, Listener, Outcome};
use crate::oauth::HttpClient;

/// Leads the user through the pages of the authorization code flow.
pub(super) async fn by_browser(
    means: Means<'_>,
    server: &OAuthRequest,
    known: Option<ClientCredentials>,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let Means { request, http, .. } = means;
    // Before a browser is opened: a process that had the port instead would get the code (RFC 8252
    // §8.3).
    let mut listener = Listener::bind(server.style.redirect).await?;
    check(request, server, http, prompt, cancelled.as_mut()).await?;
    let walk = CodeFlow {
        request,
        code: server,
        http,
        listener: &mut listener,
        prompt,
    };
    let granted = walk.run(known, cancelled.as_mut()).await?;
    let granted = confirmed(request, granted, http, prompt, cancelled).await?;
    store_granted(means, server, granted).await
}

/// Stores a grant, or revokes it.
pub(super) async fn store_granted(
    means: Means<'_>,
    server: &OAuthRequest,
    granted: Granted,
) -> Result<Connection, LoginError> {
    let Means { request, http, .. } = means;
    let client = granted.client.clone();
    let instance = match Means::instance(server, &granted.set) {
        Ok(instance) => instance,
        Err(error) => {
            let set = &granted.set;
            let refresh = set.refresh_token.as_ref();
            let outcome = Outcome::bad("Not stored", error.to_string());
            let _ = granted.page.send(outcome);
            let _ = revoke(&client, &set.access_token, refresh, http).await;
            tokio::time::sleep(LAST_PAGE).await;
            return Err(error);
        }
    };
    let (connection, page) = match finish(means, server, granted, instance) {
        Ok(stored) => stored,
        Err((error, unstored)) => {
            let tokens = &unstored.tokens;
            let refresh = tokens.refresh.as_ref();
            let revocation = revoke(&client, &tokens.access, refresh, http).await;
            // `finish` has sent the page. The listener is closed when this function returns, so the
            // browser gets some time to load the page.
            tokio::time::sleep(LAST_PAGE).await;
            return Err(not_stored(request.id.clone(), error, revocation));
        }
    };
    if page
        .send(Outcome::Good(connected(request, &connection)))
        .is_ok()
    {
        tokio::time::sleep(LAST_PAGE).await;
    }
    Ok(connection)
}

/// What the last page says of a login that succeeded.
pub(super) fn connected(request: &LoginRequest, connection: &Connection) -> Connected {
    let base_url = request.base_url.as_ref();
    let account = connection.account.as_ref();
    let account = account.map(|account| account.label.as_ref().unwrap_or(&account.id));
    Connected {
        provider: request.provider.clone(),
        server: base_url.map(ToString::to_string),
        account: account.cloned(),
        connection: connection.id.to_string(),
        proof: request.proof.clone(),
    }
}

/// If another user may have finished the login, asks the user whether to store it. If not, its
/// grant is revoked.
pub(super) async fn confirmed(
    request: &LoginRequest,
    granted: Granted,
    http: &HttpClient,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Granted, LoginError> {
    // Login CSRF (RFC 6749 §10.12): whoever brings the redirect chooses the account. If it is the
    // attacker's account, whatever the user sends goes there. `state` stops only an attacker who
    // has not seen it.
    if granted.by == FinishedBy::ThisUser && !granted.is_cancelled {
        return Ok(granted);
    }
    let place = request.base_url.as_ref().map(|base| format!(" at {base}"));
    let finished = Finished {
        provider: format!("{}{}", request.provider, place.unwrap_or_default()),
        account: granted.account.as_ref(),
        client_id: &granted.client.client_id,
        by: granted.by,
    };
    let verdict = if granted.is_cancelled {
        LoginOutcome::Cancelled
    } else {
        tokio::select! {
            is_theirs = prompt.confirm(&finished) => if is_theirs { LoginOutcome::Stored } else { LoginOutcome::Declined },
            () = tokio::time::sleep(DEADLINE) => LoginOutcome::Late,
            () = cancelled.as_mut() => LoginOutcome::Cancelled,
        }
    };
    if verdict == LoginOutcome::Stored {
        return Ok(granted);
    }
    let (client, set) = (&granted.client, &granted.set);
    let refresh = set.refresh_token.as_ref();
    let revocation = revoke(client, &set.access_token, refresh, http).await;
    let revoked = revocation.is_ok();
    let words = "The login was not confirmed at the terminal.".to_owned();
    let outcome = Outcome::bad("Not stored", words);
    if granted.page.send(outcome).is_ok() {
        tokio::time::sleep(LAST_PAGE).await;
    }
    Err(match verdict {
        LoginOutcome::Cancelled => LoginError::Cancelled {
            revoked: Some(revoked),
        },
        LoginOutcome::Late => LoginError::Deadline {
            revoked: Some(revoked),
        },
        _ => LoginError::Declined { revoked },
    })
}

/// What becomes of a login that the user is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LoginOutcome {
    Cancelled,
    Declined,
    Late,
    Stored,
}

/// Stores the connection. It does not await, so that Ctrl-C takes effect before or after it, and
/// never in between.
fn finish(
    means: Means<'_>,
    server: &OAuthRequest,
    granted: Granted,
    instance: Option<String>,
) -> Result<(Connection, PageReply), (StoreError, Box<Connection>)> {
    let Granted {
        client,
        set,
        account,
        page,
        ..
    } = granted;
    let connection = means.of_grant(server, client, set, account, instance);
    match means.store_soon(&connection) {
        Ok(_) => Ok((connection, page)),
        Err(error) => {
            let outcome = Outcome::bad("Not stored", error.to_string());
            // Sent before the revocation, which may take as long as any request.
            let _ = page.send(outcome);
            Err((error, Box::new(connection)))
        }
    }
}
