//! What is stored of one connection.

use std::fmt;
use std::time::Duration;

use authsome_providers::BaseUrl;
use url::Url;

use super::freshness::{Freshness, freshness, refresh_at};
use super::terms::Terms;
use crate::clock::Timestamp;
use crate::credential::{ConnectionId, Credential};
use crate::net::tls::ClientCertificate;
use crate::oauth::{Account, OAuthClient, TokenSet};
use crate::secret::Secret;

/// The application that a user registered at a provider.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The public identifier.
    pub client_id: String,
    /// Only confidential clients have one (RFC 6749 §2.1).
    pub client_secret: Option<Secret<String>>,
}

/// One account's grant at one provider, as the vault keeps it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Provider and name.
    pub id: ConnectionId,
    /// Where the provider is, if it can be self-hosted.
    pub base_url: Option<BaseUrl>,
    /// A private CA (PEM) that this connection trusts in addition to those of the platform.
    pub ca_pem: Option<String>,
    /// The certificate for servers that ask for one in the TLS handshake.
    pub client_certificate: Option<ClientCertificate>,
    /// The application that the grant was issued to. A refresh token works only with this one (RFC
    /// 6749 §6), so the two are kept together. The endpoints are kept too, so that a definition
    /// that is changed later cannot send the refresh token elsewhere.
    pub client: OAuthClient,
    /// The current pair.
    pub tokens: Tokens,
    /// The account, if the provider named it.
    pub account: Option<Account>,
    /// Whether it can still be renewed.
    pub standing: GrantState,
    /// The definition and the routes that it was made with. `None` if it was stored before these
    /// were kept, until it is first used.
    pub terms: Option<Terms>,
}

/// A token pair and its dates.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: Secret<String>,
    /// The refresh token; a provider may accept it only once.
    pub refresh: Option<Secret<String>>,
    /// When the pair arrived, by this machine's clock.
    pub obtained_at: Timestamp,
    /// When the access token expires, counted from its arrival, since the server's clock may
    /// differ.
    pub expires_at: Option<Timestamp>,
    /// The granted scopes.
    pub scopes: Vec<String>,
}

/// Whether a connection can be renewed.
///
/// ```text
/// Good ── the refresh token is refused for good, or a new pair is lost ──→ NeedsLogin
///   ↑                                                                          │
///   └────────────────────────────── a new login ───────────────────────────────┘
/// ```
///
/// The record is kept in both states, since the access token may work until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// No final refusal is known.
    Good,
    /// The refresh token does not work any more.
    NeedsLogin {
        /// Why, in words.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// Whether the access token is known to be dead too. Such a token is not sent any more.
        access_ended: bool,
    },
}

/// What `get --field status` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Usable as it is.
    Connected,
    /// It will be refreshed when it is used.
    Expired,
    /// Only a new login helps.
    NeedsLogin,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::Expired => "expired",
            Self::NeedsLogin => "needs_login",
        })
    }
}

impl Tokens {
    /// The first pair of a grant. If the server names no scopes, they are those that were
    /// `requested` (RFC 6749 §5.1).
    pub fn first(set: TokenSet, requested: &[String], now: Timestamp) -> Self {
        Self {
            access: set.access_token,
            refresh: set.refresh_token,
            obtained_at: now,
            expires_at: set.expires_in.map(|lifetime| now.plus(lifetime)),
            scopes: set.scopes.unwrap_or_else(|| requested.to_vec()),
        }
    }

    /// The pair after a refresh. What the server leaves out stays as it was (RFC 6749 §6).
    #[must_use]
    pub fn rotate(&self, set: TokenSet, now: Timestamp) -> Self {
        Self {
            refresh: set.refresh_token.clone().or_else(|| self.refresh.clone()),
            ..Self::first(set, &self.scopes, now)
        }
    }

    /// The life of the access token, from its arrival to its end.
    pub fn lifetime(&self) -> Option<Duration> {
        self.expires_at.map(|end| self.obtained_at.until(end))
    }
}

impl Connection {
    /// How fresh the access token is.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        freshness(
            self.tokens.obtained_at,
            self.refresh_at(),
            self.ends_at(),
            now,
        )
    }

    /// When the access token expires, or since when it is known to be dead.
    fn ends_at(&self) -> Option<Timestamp> {
        match self.standing {
            GrantState::NeedsLogin {
                since,
                access_ended: true,
                ..
            } => Some(since),
            _ => self.tokens.expires_at,
        }
    }

    /// When a renewal becomes due; `None` if the token cannot be renewed or does not expire.
    pub fn refresh_at(&self) -> Option<Timestamp> {
        let renewable = self.tokens.refresh.is_some() && self.standing == GrantState::Good;
        let end = self.tokens.expires_at.filter(|_| renewable)?;
        Some(refresh_at(end, self.tokens.lifetime().unwrap_or_default()))
    }

    /// The summary for a user.
    pub fn status(&self, now: Timestamp) -> Status {
        let renewable = self.tokens.refresh.is_some() && self.standing == GrantState::Good;
        match self.freshness(now) {
            _ if matches!(self.standing, GrantState::NeedsLogin { .. }) => Status::NeedsLogin,
            Freshness::Expired if !renewable => Status::NeedsLogin,
            Freshness::Expired => Status::Expired,
            Freshness::Due | Freshness::Fresh => Status::Connected,
        }
    }

    /// What a request needs of it.
    pub fn credential(&self, generation: u64) -> Credential {
        Credential {
            token: self.tokens.access.clone(),
            generation,
            obtained_at: self.tokens.obtained_at,
            refresh_at: self.refresh_at(),
            expires_at: self.ends_at(),
        }
    }

    /// The token endpoint, which identifies the authorization server.
    pub fn authorization_server(&self) -> &Url {
        &self.client.token_endpoint
    }

    /// Every secret of the connection, to check that none of them is in a child's environment.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret<String>> {
        [
            Some(&self.tokens.access),
            self.tokens.refresh.as_ref(),
            self.client.client_secret.as_ref(),
            self.client_certificate.as_ref().map(ClientCertificate::key),
        ]
        .into_iter()
        .flatten()
    }
}
