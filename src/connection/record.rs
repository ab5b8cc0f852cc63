//! What is known of one connection.

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
    /// Public identifier.
    pub client_id: String,
    /// Only confidential applications have one.
    pub client_secret: Option<Secret<String>>,
}

/// One account's grant at one provider, as the vault keeps it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Provider and name.
    pub id: ConnectionId,
    /// Where the provider is, for one that can be self-hosted.
    pub base_url: Option<BaseUrl>,
    /// A private CA (PEM) that this connection trusts beside the platform's.
    pub ca_pem: Option<String>,
    /// What tells its servers whose connection it is, where they ask in TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// The application that issued the grant. A refresh token works with exactly this one, so it is
    /// kept with it; the endpoints are kept too, so that a definition that changes later cannot
    /// send the refresh token elsewhere.
    pub client: OAuthClient,
    /// The present pair.
    pub tokens: Tokens,
    /// Whose it is, if the provider said.
    pub account: Option<Account>,
    /// Whether it can still be renewed.
    pub standing: GrantState,
    /// What it was made with; `None` of one that was stored before that was kept, until its first
    /// use.
    pub terms: Option<Terms>,
}

/// A token pair and its dates.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The bearer token.
    pub access: Secret<String>,
    /// The single-use token for the next pair.
    pub refresh: Option<Secret<String>>,
    /// When the pair arrived, by this machine's clock.
    pub obtained_at: Timestamp,
    /// When the access token ends, counted from its arrival: the server's own clock may differ.
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
/// The record is kept either way: the access token may work until its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// As far as is known.
    Good,
    /// The provider has refused the refresh token for good.
    NeedsLogin {
        /// Why, in words.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// Whether the access token is known to be dead too; it is not sent any more.
        access_ended: bool,
    },
}

/// What `get --field status` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Usable as it is.
    Connected,
    /// It will be refreshed when used.
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
    /// The first pair of a grant; `requested` are its scopes where the server names none (RFC 6749
    /// §5.1).
    pub fn first(set: TokenSet, requested: &[String], now: Timestamp) -> Self {
        Self {
            access: set.access_token,
            refresh: set.refresh_token,
            obtained_at: now,
            expires_at: set.expires_in.map(|lifetime| now.plus(lifetime)),
            scopes: set.scopes.unwrap_or_else(|| requested.to_vec()),
        }
    }

    /// The pair after a refresh: what the server leaves out stays as it was (RFC 6749 §6).
    #[must_use]
    pub fn rotate(&self, set: TokenSet, now: Timestamp) -> Self {
        Self {
            refresh: set.refresh_token.clone().or_else(|| self.refresh.clone()),
            ..Self::first(set, &self.scopes, now)
        }
    }

    /// From the arrival to the end.
    pub fn lifetime(&self) -> Option<Duration> {
        self.expires_at.map(|end| self.obtained_at.until(end))
    }
}

impl Connection {
    /// How the access token stands.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        freshness(
            self.tokens.obtained_at,
            self.refresh_at(),
            self.ends_at(),
            now,
        )
    }

    /// When the access token ends, or has ended before its time.
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

    /// From when on a renewal is due; `None` where there is nothing to renew with, or no end.
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

    /// What of it goes on the wire.
    pub fn credential(&self, generation: u64) -> Credential {
        Credential {
            token: self.tokens.access.clone(),
            generation,
            obtained_at: self.tokens.obtained_at,
            refresh_at: self.refresh_at(),
            expires_at: self.ends_at(),
        }
    }

    /// The token endpoint, by which the authorization server is known.
    pub fn authorization_server(&self) -> &Url {
        &self.client.token_endpoint
    }

    /// Every secret of the connection, for checks that none of them is in a child's environment.
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
