//! A login from the first page to the stored connection.
//!
//! Until the last step nothing is stored, and the last step is one transaction: whoever leaves before leaves nothing half-done. A grant
//! that cannot be stored is revoked.

mod walk;

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use authsome_providers::BaseUrl;
use url::Url;

use self::walk::{Granted, LAST_PAGE, PageReply, Walk};
use super::record::{ClientCredentials, Connection, Standing, Tokens};
use super::store::{ConnectionStore, StoreError};
use super::terms::Terms;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::loopback::{BindError, Listener, Outcome, Visitor};
use crate::oauth::{
    Account, AccountLookup, HttpClient, HttpClients, OAuthClient, OAuthError, ResponseRefused,
    RevocableToken,
};
use crate::secret::Secret;
use crate::tls::ClientCertificate;

/// How long a user has from the first page to the last.
const DEADLINE: Duration = Duration::from_mins(10);

/// How long, and how often, a grant is tried to be stored before it is revoked.
const STORE_WAIT: Duration = Duration::from_secs(3);
const STORE_STEP: Duration = Duration::from_millis(100);

/// What a login needs to know.
#[derive(Debug)]
pub struct LoginRequest {
    /// The connection to make.
    pub id: ConnectionId,
    /// The provider's name for people.
    pub provider: String,
    /// Where it is, for one that can be self-hosted.
    pub base_url: Option<BaseUrl>,
    /// A private CA (PEM) to trust for this connection.
    pub ca_pem: Option<String>,
    /// What tells the servers of this connection who logs in, where they ask in TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// The application, where the user named one; else the one of an earlier login; else the form asks.
    pub client: Option<ClientCredentials>,
    /// Where the user is sent.
    pub authorization_endpoint: Url,
    /// Where the code is exchanged.
    pub token_endpoint: Url,
    /// Where the grant can be revoked.
    pub revocation_endpoint: Option<Url>,
    /// What `iss` must say, if it comes.
    pub issuer: Option<String>,
    /// Further parameters of the authorization request.
    pub extra_parameters: Vec<(String, String)>,
    /// The provider's page of applications.
    pub applications_url: Option<Url>,
    /// Where to ask whose grant it is.
    pub account_lookups: Vec<AccountLookup>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// Whether a connection of that name may be replaced.
    pub replace: bool,
    /// What the connection is made with.
    pub terms: Terms,
}

/// A page that the user has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStep {
    /// The provider's page.
    Authorize,
    /// The form for the application.
    Client,
}

/// Where that page is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// For the user's own eyes; it may hold what others must not know.
    pub shown: &'a str,
    /// For a browser's argument list, which every user of the machine can read.
    pub opened: &'a str,
}

/// Who has finished a login at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishedBy {
    /// Whoever had the address that was pasted at the terminal.
    Paste,
    /// A browser of this very user.
    ThisUser,
    /// Somebody: the system does not tell whose browser it was.
    Unknown,
}

impl FinishedBy {
    /// For what two had a hand in; the application may have been known before.
    fn and(self, application: Option<Self>) -> Self {
        match application {
            Some(Self::Unknown) => Self::Unknown,
            _ => self,
        }
    }
}

impl From<Visitor> for FinishedBy {
    fn from(visitor: Visitor) -> Self {
        match visitor {
            Visitor::ThisUser => Self::ThisUser,
            Visitor::Unknown => Self::Unknown,
        }
    }
}

/// A login that is about to be stored, for the user to look at.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The provider's name for people, and where it is.
    pub provider: String,
    /// Whose grant it is, if the provider said.
    pub account: Option<&'a Account>,
    /// Which application has it.
    pub client_id: &'a str,
    /// Who brought it.
    pub by: FinishedBy,
}

/// The user's side of a login: a browser and a terminal.
pub trait LoginPrompt {
    /// Shows the URL, and opens it if it can.
    fn open(&mut self, step: LoginStep, place: Place<'_>);
    /// Another user's connection was refused, or one of nobody's: it may have been the user's own browser, in a container or behind a relay.
    fn stranger(&mut self, of_another_user: bool);
    /// Shows a login, and asks whether it is to be stored where another than this user may have finished it and somebody is there to ask.
    fn confirm(&mut self, finished: &Finished<'_>) -> impl Future<Output = bool>;
    /// Says something that did not end the login.
    fn say(&mut self, words: &str);
    /// The next line that the user pastes; never ready where nobody can.
    fn pasted(&mut self) -> impl Future<Output = String>;
}

/// A login that is stored.
#[derive(Debug)]
pub struct LoggedIn {
    /// The new connection.
    pub connection: Connection,
    /// What was asked for; the connection has what was granted.
    pub requested_scopes: Vec<String>,
}

/// Why a login did not come to its end. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The user took too long.
    #[error("the login was not finished within {} minutes", DEADLINE.as_secs() / 60)]
    Deadline,
    /// The user does not know the account or the application.
    #[error("the login was not confirmed{}", if *.revoked { ", and its grant was revoked" } else { "; its grant could not be revoked" })]
    Declined {
        /// Whether the provider has taken the grant back.
        revoked: bool,
    },
    /// The provider, or the user there, said no.
    #[error(transparent)]
    Denied(#[from] ResponseRefused),
    /// There is a connection of that name.
    #[error("the connection {0} already exists")]
    Exists(ConnectionId),
    /// The grant could not be stored.
    #[error("the login cannot be stored")]
    NotStored {
        /// Why not.
        #[source]
        source: Box<StoreError>,
        /// Why the grant is still good at the provider; `None` where it was revoked.
        revocation: Option<Box<OAuthError>>,
    },
    /// The authorization server gave no token.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The vault failed.
    #[error(transparent)]
    Store(StoreError),
}

/// Logs in: binds the port, leads the user through the pages, exchanges the code, and stores the connection.
pub async fn login(
    request: LoginRequest,
    store: &ConnectionStore,
    clients: &HttpClients,
    prompt: &mut impl LoginPrompt,
) -> Result<LoggedIn, LoginError> {
    if !request.replace
        && store
            .generation(&request.id)
            .map_err(LoginError::Store)?
            .is_some()
    {
        return Err(LoginError::Exists(request.id));
    }
    let known = match &request.client {
        Some(client) => Some(client.clone()),
        None => store
            .client(&request.id.provider, request.base_url.as_ref())
            .map_err(LoginError::Store)?,
    };
    // A disk that is full is said before the user has anything to do.
    store.check_writable().map_err(LoginError::Store)?;
    let http = clients.for_connection(
        request.ca_pem.as_deref(),
        request.client_certificate.as_ref(),
    )?;
    let mut listener = Listener::bind().await?;
    let walk = Walk {
        request: &request,
        http: &http,
        listener: &mut listener,
        prompt,
    };
    let granted = tokio::select! {
        walked = tokio::time::timeout(DEADLINE, walk.run(known)) => walked.map_err(|_| LoginError::Deadline)??,
        error = nobody_there(&http, &request.token_endpoint) => return Err(error.into()),
    };
    let granted = confirmed(&request, granted, &http, prompt).await?;
    let (connection, page) = match finish(&request, granted, store) {
        Ok(stored) => stored,
        Err((error, unstored)) => {
            let (client, tokens) = (&unstored.client, &unstored.tokens);
            let revocation = revoke(client, &tokens.access, tokens.refresh.as_ref(), &http).await;
            tokio::time::sleep(LAST_PAGE).await;
            return Err(match error {
                StoreError::Conflict => LoginError::Exists(request.id),
                source => LoginError::NotStored {
                    source: Box::new(source),
                    revocation: revocation.err().map(Box::new),
                },
            });
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

/// Ready only if the server cannot be reached: whoever mistyped it shall not wait for the deadline.
async fn nobody_there(http: &HttpClient, server: &Url) -> OAuthError {
    match http.reach(server).await {
        Err(error) if error.is_unreachable() => error,
        _ => std::future::pending().await,
    }
}

/// Shows whose login it is, and asks before one is stored that another user may have finished.
async fn confirmed(
    request: &LoginRequest,
    granted: Granted,
    http: &HttpClient,
    prompt: &mut impl LoginPrompt,
) -> Result<Granted, LoginError> {
    if granted.by == FinishedBy::ThisUser {
        return Ok(granted);
    }
    let place = request.base_url.as_ref().map(|base| format!(" at {base}"));
    let finished = Finished {
        provider: format!("{}{}", request.provider, place.unwrap_or_default()),
        account: granted.account.as_ref(),
        client_id: &granted.client.client_id,
        by: granted.by,
    };
    match tokio::time::timeout(DEADLINE, prompt.confirm(&finished)).await {
        Ok(true) => Ok(granted),
        declined => {
            let (client, set) = (&granted.client, &granted.set);
            let refresh = set.refresh_token.as_ref();
            let revoked = revoke(client, &set.access_token, refresh, http)
                .await
                .is_ok();
            let words = "The login was not confirmed at the terminal.".to_owned();
            let outcome = Outcome::Bad("Not stored".to_owned(), words);
            if granted.page.send(outcome).is_ok() {
                tokio::time::sleep(LAST_PAGE).await;
            }
            Err(match declined {
                Ok(_) => LoginError::Declined { revoked },
                Err(_) => LoginError::Deadline,
            })
        }
    }
}

/// Gives a grant back that is not stored, so that none is alive that nobody uses.
async fn revoke(
    client: &OAuthClient,
    access: &Secret<String>,
    refresh: Option<&Secret<String>>,
    http: &HttpClient,
) -> Result<(), OAuthError> {
    let token = refresh.map_or(RevocableToken::Access(access), RevocableToken::Refresh);
    client.revoke(token, http).await
}

/// Stores the connection. It does not await, so that Ctrl-C comes before or after it, and never amid.
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
        standing: Standing::Good,
        terms: Some(request.terms.clone()),
    };
    match store_soon(&connection, request.replace, store) {
        Ok(_) => Ok((connection, granted.page)),
        Err(error) => {
            let outcome = Outcome::Bad("Not stored".to_owned(), error.to_string());
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
    let started = Instant::now();
    loop {
        match store.create(connection, replace) {
            Err(StoreError::Vault(_)) if started.elapsed() < STORE_WAIT => {
                thread::sleep(STORE_STEP);
            }
            other => return other,
        }
    }
}
