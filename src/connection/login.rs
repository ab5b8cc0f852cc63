//! A login from the first page to the stored connection.
//!
//! Until the last step nothing is stored, and the last step is one transaction: whoever leaves
//! before leaves nothing half-done. A grant that cannot be stored is revoked.
//!
//! ```text
//! checks ──→ listener ──→ walk ──→ confirmed ──→ one transaction ──→ LoggedIn
//!   │           │          │           │               │
//!   │           │          │           │               └─ NotStored, Exists: the grant is revoked
//!   │           │          │           └─ Declined, Deadline: the grant is revoked
//!   │           │          └─ Denied, OAuth, Deadline
//!   │           └─ Bind
//!   └─ Exists, Store
//! ```

mod code;
mod error;
mod prompt;
mod request;

use std::pin::{Pin, pin};
use std::thread;
use std::time::{Duration, Instant};

use self::code::{CodeFlow, Granted, LAST_PAGE, PageReply};
use self::error::DEADLINE;
pub use self::error::LoginError;
pub use self::prompt::{Finished, FinishedBy, LoginPrompt, LoginStep, PageAddress};
pub use self::request::{LoggedIn, LoginRequest};
use super::record::{ClientCredentials, Connection, GrantState, Tokens};
use super::store::{ConnectionStore, StoreError};
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::loopback::{Listener, Outcome};
use crate::oauth::{HttpClient, HttpClients, OAuthClient, OAuthError, RevocableToken};
use crate::secret::Secret;

/// How long, and how often, a grant is tried to be stored before it is revoked.
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
    // Once ready, nobody polls it again.
    let mut cancelled = pin!(cancelled);
    // Said before the user has anything to do; `create` decides it in its transaction.
    if !request.replace
        && store
            .generation(&request.id)
            .map_err(LoginError::Store)?
            .is_some()
    {
        return Err(LoginError::Exists(request.id));
    }
    let known = known_application(&request, store)?;
    // A disk that is full is said before the user has anything to do.
    store.check_writable().map_err(LoginError::Store)?;
    let http = clients.for_connection(
        request.ca_pem.as_deref(),
        request.client_certificate.as_ref(),
    )?;
    // Before a browser is opened: whoever else had the port would get the code (RFC 8252 §8.3).
    let mut listener = Listener::bind().await?;
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
            // The page was sent by `finish`; the listener ends with this function.
            tokio::time::sleep(LAST_PAGE).await;
            return Err(not_stored(request.id, error, revocation));
        }
    };
    if page
        .send(Outcome::Good(
            "Connected".to_owned(),
            format!("{} is connected.", request.provider),
        ))
        .is_ok()
    {
        tokio::time::sleep(LAST_PAGE).await;
    }
    Ok(LoggedIn {
        connection,
        requested_scopes: request.scopes,
    })
}

/// The application that the user has named, or the one of an earlier login there.
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
        // Another login took the name while this one was with the provider.
        StoreError::Conflict => LoginError::Exists(id),
        source => LoginError::NotStored {
            source: Box::new(source),
            revocation: revocation.err().map(Box::new),
        },
    }
}

/// Shows whose login it is, and asks before one is stored that another user may have finished.
async fn confirmed(
    request: &LoginRequest,
    granted: Granted,
    http: &HttpClient,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Granted, LoginError> {
    // Whoever brings the redirect chooses the account. With an account of another in the vault,
    // what the user sends goes there (RFC 6749 §10.12). `state` stops only who has not seen it.
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
    let outcome = Outcome::Bad("Not stored".to_owned(), words);
    if granted.page.send(outcome).is_ok() {
        tokio::time::sleep(LAST_PAGE).await;
    }
    Err(match verdict {
        LoginOutcome::Cancelled => LoginError::Cancelled {
            revoked: Some(revoked),
        },
        // That nobody is there to ask is said as such, where the grant is none any more.
        LoginOutcome::Late if revoked => LoginError::Deadline,
        _ => LoginError::Declined { revoked },
    })
}

/// What the user says of a login that is about to be stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LoginOutcome {
    Cancelled,
    Declined,
    Late,
    Stored,
}

/// Gives a grant back that is not stored, so that none is alive that nobody uses.
async fn revoke(
    client: &OAuthClient,
    access: &Secret<String>,
    refresh: Option<&Secret<String>>,
    http: &HttpClient,
) -> Result<(), OAuthError> {
    // The refresh token where there is one: a server ends the access tokens of the grant with it
    // (RFC 7009 §2.1), and not always the other way round.
    let token = refresh.map_or(RevocableToken::Access(access), RevocableToken::Refresh);
    client.revoke(token, http).await
}

/// Stores the connection. It does not await, so that Ctrl-C comes before or after it, and never
/// amid.
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
            let outcome = Outcome::Bad("Not stored".to_owned(), error.to_string());
            // Sent before the revocation, which may take as long as a request may.
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
    // This blocks the thread of the runtime, at most for `STORE_WAIT`: an await would be a place at
    // which Ctrl-C could end the login between the grant and its record.
    let started = Instant::now();
    loop {
        match store.create(connection, replace) {
            // A lock of another process, or a disk that is full for a moment. A conflict does not
            // pass.
            Err(StoreError::Vault(_)) if started.elapsed() < STORE_WAIT => {
                thread::sleep(STORE_STEP);
            }
            other => return other,
        }
    }
}
