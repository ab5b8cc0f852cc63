//! A login from the first page to the stored connection.
//!
//! Until the last step nothing is stored, and the last step is one transaction: whoever leaves before leaves nothing half-done. A grant
//! that cannot be stored is revoked.

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use authsome_providers::BaseUrl;
use url::Url;

use super::record::{ClientCredentials, Connection, Standing, Tokens};
use super::store::{ConnectionStore, StoreError};
use super::terms::Terms;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::{
    Account, AccountLookup, Arrival, AuthorizationResponse, BindError, ClientForm, FORM_URL,
    HttpClient, HttpClients, Listener, OAuthClient, OAuthError, Outcome, PendingAuthorization,
    ResponseRefused, RevocableToken, TokenSet, look_up_account,
};
use crate::secret::Secret;

/// How long a user has from the first page to the last.
const DEADLINE: Duration = Duration::from_mins(10);

/// How long the browser gets to load the last page before the listener goes away.
const LAST_PAGE: Duration = Duration::from_millis(300);

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

/// The user's side of a login: a browser and a terminal.
pub trait LoginPrompt {
    /// Shows the URL, and opens it if it can.
    fn open(&mut self, step: LoginStep, url: &str);
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
    #[error("nobody finished the login within {} minutes", DEADLINE.as_secs() / 60)]
    Deadline,
    /// The provider, or the user there, said no.
    #[error(transparent)]
    Denied(#[from] ResponseRefused),
    /// There is a connection of that name.
    #[error("the connection {0} exists already")]
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
    let http = clients.for_connection(request.ca_pem.as_deref())?;
    let mut listener = Listener::bind().await?;
    let walk = walk(&request, known, &http, &mut listener, prompt);
    let granted = tokio::select! {
        walked = tokio::time::timeout(DEADLINE, walk) => walked.map_err(|_| LoginError::Deadline)??,
        error = nobody_there(&http, &request.token_endpoint) => return Err(error.into()),
    };
    let (connection, page) = finish(&request, granted, store, clients).await?;
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

/// What the walk through the pages brings home.
struct Granted {
    client: OAuthClient,
    set: TokenSet,
    account: Option<Account>,
    /// The browser waits for its last page, unless the redirect was pasted.
    page: PageReply,
}

type PageReply = tokio::sync::oneshot::Sender<Outcome>;

async fn walk(
    request: &LoginRequest,
    known: Option<ClientCredentials>,
    http: &HttpClient,
    listener: &mut Listener,
    prompt: &mut impl LoginPrompt,
) -> Result<Granted, LoginError> {
    let mut pending = if let Some(client) = known {
        let pending = begin(request, client)?;
        prompt.open(LoginStep::Authorize, pending.1.url().as_str());
        Some(pending)
    } else {
        listener.show_form(form(request));
        prompt.open(LoginStep::Client, FORM_URL);
        None
    };
    loop {
        let (response, page) = tokio::select! {
            arrival = listener.next() => match arrival {
                Arrival::Client { client_id, client_secret, reply } => {
                    let begun = begin(request, ClientCredentials { client_id, client_secret })?;
                    prompt.open(LoginStep::Authorize, begun.1.url().as_str());
                    let _ = reply.send(Ok(begun.1.url().clone()));
                    pending = Some(begun);
                    continue;
                }
                Arrival::Response { response, reply } => (response, reply),
            },
            line = prompt.pasted() => if let Some(response) = AuthorizationResponse::from_pasted(&line) { (response, tokio::sync::oneshot::channel().0) } else {
                prompt.say("that is not a URL with a query; paste the whole address that the browser ended at");
                continue;
            },
        };
        let Some((client, authorization)) = pending.take() else {
            let _ = page.send(Outcome::Bad(
                "Not yet".to_owned(),
                "The login has not reached the provider.".to_owned(),
            ));
            continue;
        };
        match authorization.verify(response) {
            Ok(code) => return exchange(request, client, authorization, code, http, page).await,
            Err(refused @ ResponseRefused::Denied { .. }) => {
                let _ = page.send(Outcome::Bad("Refused".to_owned(), refused.to_string()));
                tokio::time::sleep(LAST_PAGE).await;
                return Err(refused.into());
            }
            Err(refused) => {
                // Not the answer to this login: a forged one must not end it (RFC 8252 §8.9).
                prompt.say(&format!(
                    "a redirect was not accepted: {refused}; still waiting"
                ));
                let _ = page.send(Outcome::Bad("Not accepted".to_owned(), refused.to_string()));
                pending = Some((client, authorization));
            }
        }
    }
}

fn begin(
    request: &LoginRequest,
    client: ClientCredentials,
) -> Result<(OAuthClient, PendingAuthorization), LoginError> {
    let client = OAuthClient {
        client_id: client.client_id,
        client_secret: client.client_secret,
        token_endpoint: request.token_endpoint.clone(),
        revocation_endpoint: request.revocation_endpoint.clone(),
    };
    let authorization = PendingAuthorization::begin(
        client.clone(),
        &request.authorization_endpoint,
        request.issuer.clone(),
        &request.scopes,
        &request.extra_parameters,
    )?;
    Ok((client, authorization))
}

async fn exchange(
    request: &LoginRequest,
    client: OAuthClient,
    authorization: PendingAuthorization,
    code: Secret<String>,
    http: &HttpClient,
    page: PageReply,
) -> Result<Granted, LoginError> {
    match authorization.exchange(code, http).await {
        Ok(set) => {
            let account = look_up_account(&request.account_lookups, &set.access_token, http).await;
            Ok(Granted {
                client,
                set,
                account,
                page,
            })
        }
        Err(error) => {
            let _ = page.send(Outcome::Bad("No token".to_owned(), error.to_string()));
            tokio::time::sleep(LAST_PAGE).await;
            Err(error.into())
        }
    }
}

/// Stores the connection. What cannot be stored is not left behind at the provider.
async fn finish(
    request: &LoginRequest,
    granted: Granted,
    store: &ConnectionStore,
    clients: &HttpClients,
) -> Result<(Connection, PageReply), LoginError> {
    let Granted {
        client,
        set,
        account,
        page,
    } = granted;
    let connection = Connection {
        id: request.id.clone(),
        base_url: request.base_url.clone(),
        ca_pem: request.ca_pem.clone(),
        client,
        tokens: Tokens::first(set, &request.scopes, Timestamp::now()),
        account,
        standing: Standing::Good,
        terms: Some(request.terms.clone()),
    };
    let Err(error) = store_soon(&connection, request.replace, store) else {
        return Ok((connection, page));
    };
    let _ = page.send(Outcome::Bad("Not stored".to_owned(), error.to_string()));
    let revocation = revoke(&connection, clients).await.err();
    Err(match error {
        StoreError::Conflict => LoginError::Exists(request.id.clone()),
        source => LoginError::NotStored {
            source: Box::new(source),
            revocation: revocation.map(Box::new),
        },
    })
}

/// It does not await, so that Ctrl-C comes before or after it, and never amid.
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

async fn revoke(connection: &Connection, clients: &HttpClients) -> Result<(), OAuthError> {
    let client = &connection.client;
    if client.revocation_endpoint.is_none() {
        return Err(OAuthError::NoRevocation);
    }
    let http = clients.for_connection(connection.ca_pem.as_deref())?;
    let token = match &connection.tokens.refresh {
        Some(token) => RevocableToken::Refresh(token),
        None => RevocableToken::Access(&connection.tokens.access),
    };
    client.revoke(token, &http).await
}

fn form(request: &LoginRequest) -> ClientForm {
    ClientForm {
        provider: request.provider.clone(),
        applications_url: request.applications_url.clone(),
        scopes: request.scopes.clone(),
        authorization_endpoint: request.authorization_endpoint.clone(),
    }
}
