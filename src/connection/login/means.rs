//! What every way to log in works with, and what it ends with: a stored connection.

use std::thread;
use std::time::{Duration, Instant};

use authsome_providers::{BaseUrl, HostPattern};

use super::error::LoginError;
use super::prompt::LoginPrompt;
use super::request::{LoginRequest, OAuthRequest};
use crate::clock::Timestamp;
use crate::connection::record::{ClientCredentials, Connection, GrantState, Tokens};
use crate::connection::store::{ConnectionStore, StoreError};
use crate::credential::ConnectionId;
use crate::oauth::{Account, HttpClient, OAuthClient, OAuthError, RevocableToken, TokenSet};
use crate::secret::Secret;

/// For how long, and at which intervals, storing a grant is tried before the grant is revoked.
const STORE_WAIT: Duration = Duration::from_secs(3);
const STORE_STEP: Duration = Duration::from_millis(100);

/// What every way to log in works with.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) request: &'a LoginRequest,
    pub(super) store: &'a ConnectionStore,
    pub(super) http: &'a HttpClient,
}

impl Means<'_> {
    /// The application that the user has named, or the one of an earlier login at the same place.
    pub(super) fn known_application(
        self,
        server: &OAuthRequest,
        prompt: &mut impl LoginPrompt,
    ) -> Result<Option<ClientCredentials>, LoginError> {
        if server.client.is_some() {
            return Ok(server.client.clone());
        }
        let base_url = self.request.base_url.as_ref();
        let stored = self.store.application(&self.request.id.provider, base_url);
        let Some(application) = stored.map_err(LoginError::Store)? else {
            return Ok(None);
        };
        if !application.is_at(server) {
            prompt.say(&format!(
                "the application of an earlier login is not used: its secret has not been sent to {} before",
                server.token_endpoint
            ));
            return Ok(None);
        }
        Ok(Some(application.credentials))
    }

    /// The same, where there is no form to ask for one.
    pub(super) fn application(
        self,
        server: &OAuthRequest,
        prompt: &mut impl LoginPrompt,
    ) -> Result<OAuthClient, LoginError> {
        let known = self.known_application(server, prompt)?;
        Ok(server.client_of(known.ok_or(LoginError::NoApplication)?))
    }

    /// The connection of a grant.
    pub(super) fn of_grant(
        self,
        server: &OAuthRequest,
        client: OAuthClient,
        set: TokenSet,
        account: Option<Account>,
        instance: Option<String>,
    ) -> Connection {
        let now = Timestamp::now();
        let connection = Connection {
            tokens: Tokens::first(set, &server.scopes, now),
            ..self.connection(Some(client), account, now)
        };
        match instance {
            Some(host) => Self::at_instance(connection, server, host),
            None => connection,
        }
    }

    /// Stores what was granted without a page to show, or revokes it.
    pub(super) async fn keep_granted(
        self,
        server: &OAuthRequest,
        client: OAuthClient,
        set: TokenSet,
        account: Option<Account>,
    ) -> Result<Connection, LoginError> {
        let instance = match Self::instance(server, &set) {
            Ok(instance) => instance,
            Err(error) => {
                let refresh = set.refresh_token.as_ref();
                let _ = revoke(&client, &set.access_token, refresh, self.http).await;
                return Err(error);
            }
        };
        let connection = self.of_grant(server, client.clone(), set, account, instance);
        let Err(error) = self.store_soon(&connection) else {
            return Ok(connection);
        };
        let tokens = &connection.tokens;
        let revocation = revoke(&client, &tokens.access, tokens.refresh.as_ref(), self.http).await;
        Err(not_stored(self.request.id.clone(), error, revocation))
    }

    /// The same connection at the host that the response has named.
    pub(super) fn at_instance(
        mut connection: Connection,
        server: &OAuthRequest,
        host: String,
    ) -> Connection {
        let suffix = server.instance.as_ref().map(|(_, suffix)| suffix.as_str());
        // The definition was filled with an example of the host.
        let example = format!("instance.{}", suffix.unwrap_or_default());
        if let Some(terms) = &mut connection.terms {
            for route in &mut terms.routes {
                if route.host == HostPattern::Exact(example.clone()) {
                    route.host = HostPattern::Exact(host.clone());
                }
            }
        }
        let name = authsome_providers::INSTANCE_URL.to_owned();
        connection.params.insert(name, host);
        connection
    }

    /// The host of the API that the response names, where the definition says so.
    pub(super) fn instance(
        server: &OAuthRequest,
        set: &TokenSet,
    ) -> Result<Option<String>, LoginError> {
        let Some((pointer, suffix)) = &server.instance else {
            return Ok(None);
        };
        let named = pointer.trim_start_matches('/');
        let url = set.urls.iter().find(|(name, _)| name == named);
        let url = url.and_then(|(_, url)| url.parse::<BaseUrl>().ok());
        let host = url.map(|url| url.host().to_owned());
        let is_below = |host: &String| host.ends_with(&format!(".{suffix}"));
        match host.filter(is_below) {
            Some(host) => Ok(Some(host)),
            None => Err(LoginError::NoInstance {
                suffix: suffix.clone(),
            }),
        }
    }

    /// A connection that has no credential yet.
    pub(super) fn connection(
        self,
        client: Option<OAuthClient>,
        account: Option<Account>,
        now: Timestamp,
    ) -> Connection {
        let request = self.request;
        Connection {
            id: request.id.clone(),
            base_url: request.base_url.clone(),
            ca_pem: request.ca_pem.clone(),
            client_certificate: request.client_certificate.clone(),
            client,
            flow: Some(request.flow.flow()),
            params: request.params.clone(),
            fields: Vec::new(),
            tokens: Tokens::none(now),
            account,
            standing: GrantState::Good,
            terms: Some(request.terms.clone()),
        }
    }

    /// Stores a connection whose grant needs no revocation if that fails.
    pub(super) fn keep(self, connection: &Connection) -> Result<(), LoginError> {
        match self.store_soon(connection) {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict) => Err(LoginError::Exists {
                id: self.request.id.clone(),
                revoked: None,
            }),
            Err(error) => Err(LoginError::Store(error)),
        }
    }

    /// Stores a connection, and tries again for a while.
    pub(super) fn store_soon(self, connection: &Connection) -> Result<u64, StoreError> {
        // This blocks the runtime's thread, for `STORE_WAIT` at most. At an await, Ctrl-C could end
        // the login after the grant was issued and before it is stored.
        let started = Instant::now();
        loop {
            match self.store.create(connection, self.request.replace) {
                // Another process's lock, or a disk that is full for a moment. A conflict does not
                // pass, so it is returned at once.
                Err(StoreError::Vault(_)) if started.elapsed() < STORE_WAIT => {
                    thread::sleep(STORE_STEP);
                }
                other => return other,
            }
        }
    }
}

pub(super) fn not_stored(
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

/// Revokes a grant that is not stored, so that no unused grant stays alive.
pub(super) async fn revoke(
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
