//! A login, from the first page to the stored connection.
//!
//! Nothing is stored before the last step, and the last step is one transaction. So a login that
//! ends early leaves nothing behind. A grant that cannot be stored is revoked.
//!
//! ```text
//! checks --> listener --> server --> code flow --> confirmed --> one transaction --> LoggedIn
//!   |           |           |            |             |               |
//!   |           |           |            |             |               +- NotStored, Exists: revoked
//!   |           |           |            |             +- Declined, Deadline, Cancelled: revoked
//!   |           |           |            +- Denied, OAuth, Deadline, Cancelled, Unattended: no grant
//!   |           |           +- AnotherService, OAuth, Cancelled
//!   |           +- Bind
//!   +- Exists, Store, OAuth
//! ```

mod check;
mod code;
mod error;
mod prompt;
mod request;

use std::pin::{Pin, pin};
use std::thread;
use std::time::{Duration, Instant};

use self::check::check;
use self::code::{CodeFlow, Granted, LAST_PAGE, PageReply};
use self::error::DEADLINE;
pub use self::error::LoginError;
pub use self::prompt::{Finished, FinishedBy, LoginPrompt, LoginStep, PageAddress};
pub use self::request::{LoggedIn, LoginRequest};
use super::record::{ClientCredentials, Connection, GrantState, Tokens};
use super::store::{ConnectionStore, StoreError};
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::loopback::{Connected, Listener, Outcome};
use crate::oauth::{HttpClient, HttpClients, OAuthClient, OAuthError, RevocableToken};
use crate::secret::Secret;

/// For how long, and at which intervals, storing a grant is tried before the grant is revoked.
const STORE_WAIT: Duration = Duration::from_secs(3);
const STORE_STEP: Duration = Duration::from_millis(100);

/// Logs in: binds the port, leads the user through the pages, exchanges the code, and stores the
/// connection.
pub async fn login(
    request: LoginRequest,
    store: &ConnectionStore,
    clients: &HttpClients,
    prompt: &mut impl LoginPrompt,
    cancelled: impl Future<Output = ()>,
) -> Result<LoggedIn, LoginError> {
    // It is not polled again once it is ready.
    let mut cancelled = pin!(cancelled);
    // An early check, before the user has anything to do. The transaction of `create` checks again.
    if !request.replace
        && store
            .generation(&request.id)
            .map_err(LoginError::Store)?
            .is_some()
    {
        return Err(LoginError::Exists {
            id: request.id,
            revoked: None,
        });
    }
    let known = known_application(&request, store)?;
    // A full disk is reported before the user has anything to do.
    store.check_writable().map_err(LoginError::Store)?;
    let http = clients.for_connection(
        request.ca_pem.as_deref(),
        request.client_certificate.as_ref(),
    )?;
    // Before a browser is opened: a process that had the port instead would get the code (RFC 8252
    // §8.3).
    let mut listener = Listener::bind().await?;
    check(&request, &http, prompt, cancelled.as_mut()).await?;
    let walk = CodeFlow {
        request: &request,
        http: &http,
        listener: &mut listener,
        prompt,
    };
    let granted = walk.run(known, cancelled.as_mut()).await?;
    let granted = confirmed(&request, granted, &http, prompt, cancelled).await?;
    let (connection, page) = match finish(&request, granted, store) {
        Ok(stored) => stored,
        Err((error, unstored)) => {
            let (client, tokens) = (&unstored.client, &unstored.tokens);
            let revocation = revoke(client, &tokens.access, tokens.refresh.as_ref(), &http).await;
            // `finish` has sent the page. The listener is closed when this function returns, so the
            // browser gets some time to load the page.
            tokio::time::sleep(LAST_PAGE).await;
            return Err(not_stored(request.id, error, revocation));
        }
    };
    if page
        .send(Outcome::Good(connected(&request, &connection)))
        .is_ok()
    {
        tokio::time::sleep(LAST_PAGE).await;
    }
    Ok(LoggedIn {
        connection,
        requested_scopes: request.scopes,
    })
}

/// What the last page says of a login that succeeded.
fn connected(request: &LoginRequest, connection: &Connection) -> Connected {
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

/// The application that the user has named, or the one of an earlier login at the same place.
fn known_application(
    request: &LoginRequest,
    store: &ConnectionStore,
) -> Result<Option<ClientCredentials>, LoginError> {
    if request.client.is_some() {
        return Ok(request.client.clone());
    }
    let base_url = request.base_url.as_ref();
    let known = store.client(&request.id.provider, base_url);
    known.map_err(LoginError::Store)
}

fn not_stored(
    id: ConnectionId,
    error: StoreError,
    revocation: Result<(), OAuthError>,
) -> LoginError {
    match error {
        // Another login took the name while the user was at the provider.
        StoreError::Conflict => LoginError::Exists {
            id,
            revoked: Some(revocation.is_ok()),
        },
        source => LoginError::NotStored {
            source: Box::new(source),
            revocation: revocation.err().map(Box::new),
        },
    }
}

/// If another user may have finished the login, asks the user whether to store it. If not, its
/// grant is revoked.
async fn confirmed(
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

/// Revokes a grant that is not stored, so that no unused grant stays alive.
async fn revoke(
    client: &OAuthClient,
    access: &Secret<String>,
    refresh: Option<&Secret<String>>,
    http: &HttpClient,
) -> Result<(), OAuthError> {
    // The refresh token if there is one: with it, a server should also invalidate the access tokens
    // of the grant (RFC 7009 §2.1). The other way round it need not.
    let token = refresh.map_or(RevocableToken::Access(access), RevocableToken::Refresh);
    client.revoke(token, http).await
}

/// Stores the connection. It does not await, so that Ctrl-C takes effect before or after it, and
/// never in between.
fn finish(
    request: &LoginRequest,
    granted: Granted,
    store: &ConnectionStore,
) -> Result<(Connection, PageReply), (StoreError, Box<Connection>)> {
    let connection = Connection {
        id: request.id.clone(),
        base_url: request.base_url.clone(),
        ca_pem: request.ca_pem.clone(),
        client_certificate: request.client_certificate.clone(),
        client: granted.client,
        tokens: Tokens::first(granted.set, &request.scopes, Timestamp::now()),
        account: granted.account,
        standing: GrantState::Good,
        terms: Some(request.terms.clone()),
    };
    match store_soon(&connection, request.replace, store) {
        Ok(_) => Ok((connection, granted.page)),
        Err(error) => {
            let outcome = Outcome::bad("Not stored", error.to_string());
            // Sent before the revocation, which may take as long as any request.
            let _ = granted.page.send(outcome);
            Err((error, Box::new(connection)))
        }
    }
}

fn store_soon(
    connection: &Connection,
    replace: bool,
    store: &ConnectionStore,
) -> Result<u64, StoreError> {
    // This blocks the runtime's thread, for `STORE_WAIT` at most. At an await, Ctrl-C could end the
    // login after the grant was issued and before it is stored.
    let started = Instant::now();
    loop {
        match store.create(connection, replace) {
            // Another process's lock, or a disk that is full for a moment. A conflict does not
            // pass, so it is returned at once.
            Err(StoreError::Vault(_)) if started.elapsed() < STORE_WAIT => {
                thread::sleep(STORE_STEP);
            }
            other => return other,
        }
    }
}
