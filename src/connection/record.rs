//! What is stored of one connection.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use authsome_providers::{BaseUrl, Flow};
use url::Url;

use super::freshness::{Freshness, freshness, refresh_at};
use super::lineage::Lineage;
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
    /// The application that the grant was issued to; `None` for a key. A refresh token works only
    /// with this one (RFC 6749 §6), so the two are kept together. The endpoints are kept too, so
    /// that a definition that is changed later cannot send the refresh token elsewhere.
    pub client: Option<OAuthClient>,
    /// How the user has logged in; `None` if it was stored before this was kept.
    pub flow: Option<Flow>,
    /// What names the place, where the definition asks for it: a subdomain, a region.
    pub params: BTreeMap<String, String>,
    /// The parts of the credential beside the token or key, by their names in the definition.
    pub fields: Vec<StoredField>,
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

/// A part of a credential beside the token or key.
#[derive(Clone, Debug)]
pub struct StoredField {
    /// Its name in the definition.
    pub name: String,
    /// What the user has given.
    pub value: Secret<String>,
    /// Whether it is secret, or a user name that may be shown.
    pub is_secret: bool,
}

impl StoredField {
    /// The value, if anybody may see it.
    pub fn public_value(&self) -> Option<&str> {
        (!self.is_secret).then(|| self.value.expose().as_str())
    }
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
    /// Where the pair stands in its grant; `None` for the first pair that is known of it.
    pub lineage: Option<Lineage>,
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
    /// An empty pair, in the place of one that is about to be known.
    pub(super) fn none(now: Timestamp) -> Self {
        Self {
            access: Secret::new(String::new()),
            refresh: None,
            obtained_at: now,
            expires_at: None,
            scopes: Vec::new(),
            lineage: None,
        }
    }

    /// The first pair of a grant. If the server names no scopes, they are those that were
    /// `requested` (RFC 6749 §5.1).
    pub fn first(set: TokenSet, requested: &[String], now: Timestamp) -> Self {
        Self {
            access: set.access_token,
            refresh: set.refresh_token,
            obtained_at: now,
            expires_at: set.expires_in.map(|lifetime| now.plus(lifetime)),
            scopes: set.scopes.unwrap_or_else(|| requested.to_vec()),
            lineage: None,
        }
    }

    /// The pair after a refresh. What the server leaves out stays as it was (RFC 6749 §6).
    #[must_use]
    pub fn rotate(&self, set: TokenSet, now: Timestamp) -> Self {
        Self {
            refresh: set.refresh_token.clone().or_else(|| self.refresh.clone()),
            lineage: Some(self.lineage().next()),
            ..Self::first(set, &self.scopes, now)
        }
    }

    /// Where the pair stands in its grant.
    pub fn lineage(&self) -> Lineage {
        self.lineage
            .clone()
            .unwrap_or_else(|| Lineage::first(&self.access))
    }

    /// Whether the pair is a later one of the same grant.
    pub fn succeeds(&self, other: &Self) -> bool {
        self.lineage().compare(&other.lineage()) == Some(Ordering::Greater)
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
        let end = self.tokens.expires_at.filter(|_| self.is_renewable())?;
        Some(refresh_at(end, self.tokens.lifetime().unwrap_or_default()))
    }

    /// Whether a new token can be had without the user: by a refresh token, or by asking again as
    /// the application itself (RFC 6749 §4.4), or in exchange for the user's key.
    pub fn is_renewable(&self) -> bool {
        let exchanges = |client: &OAuthClient| client.style.exchange.is_some();
        let asks_as_itself = self.flow == Some(Flow::ClientCredentials);
        let client = self.client.as_ref();
        let asks_again = client.is_some_and(|client| asks_as_itself || exchanges(client));
        (self.tokens.refresh.is_some() || asks_again) && self.standing == GrantState::Good
    }

    /// Whether it was made with a key of the user's rather than by a grant.
    pub fn is_of_key(&self) -> bool {
        let client = self.client.as_ref();
        client.is_none_or(|client| client.style.exchange.is_some())
    }

    /// The summary for a user.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.freshness(now) {
            _ if matches!(self.standing, GrantState::NeedsLogin { .. }) => Status::NeedsLogin,
            Freshness::Expired if !self.is_renewable() => Status::NeedsLogin,
            Freshness::Expired => Status::Expired,
            Freshness::Due | Freshness::Fresh => Status::Connected,
        }
    }

    /// What a request needs of it.
    pub fn credential(&self, generation: u64) -> Credential {
        Credential {
            token: self.tokens.access.clone(),
            others: self.other_fields(),
            secrets: self.secrets().cloned().collect(),
            generation,
            obtained_at: self.tokens.obtained_at,
            refresh_at: self.refresh_at(),
            expires_at: self.ends_at(),
            routes: { self.terms.as_ref() }.map_or_else(Vec::new, |terms| terms.routes.clone()),
        }
    }

    fn other_fields(&self) -> Vec<(String, Secret<String>)> {
        let fields = self.fields.iter();
        let pair = |field: &StoredField| (field.name.clone(), field.value.clone());
        fields.map(pair).collect()
    }

    /// The fields that are secret. The vault keeps all of them alike; only these are kept from a
    /// child's environment, where a user name may stand.
    fn secret_fields(&self) -> impl Iterator<Item = &Secret<String>> {
        let fields = self.fields.iter();
        let secret = fields.filter(|field| field.is_secret);
        secret.map(|field| &field.value)
    }

    /// The server that can be asked about the connection: the authorization server, or for a key
    /// the service itself.
    pub fn server(&self) -> Option<Url> {
        let endpoint = self
            .client
            .as_ref()
            .map(|client| client.token_endpoint.clone());
        let base = || self.base_url.as_ref()?.to_string().parse().ok();
        let route = || {
            self.terms
                .as_ref()?
                .routes
                .first()?
                .to_string()
                .parse()
                .ok()
        };
        endpoint.or_else(base).or_else(route)
    }

    /// Every secret of the connection, to check that none of them is in a child's environment.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret<String>> {
        let client = self.client.as_ref();
        let own = [
            Some(&self.tokens.access),
            self.tokens.refresh.as_ref(),
            client.and_then(|client| client.client_secret.as_ref()),
            self.client_certificate.as_ref().map(ClientCertificate::key),
        ];
        let fields = self.secret_fields();
        own.into_iter().flatten().chain(fields)
    }
}
