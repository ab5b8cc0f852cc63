//! The RFCs: 6749 (authorization code, refresh), 7636 (PKCE), 8252 (its redirect; the listener is
//! `loopback`), 9207 (issuer), 7009 (revocation).
//!
//! The one module that knows the `oauth2` crate; none of its types leave it. It knows neither the
//! vault nor the terminal nor a provider by name: what differs between providers comes in as data
//! ([`OAuthClient`]).

mod account;
mod authorize;
mod error;
mod http;
mod response;
mod token;
mod transport;

pub use account::{Account, AccountLookup, look_up_account};
pub use authorize::{AuthorizationResponse, PendingAuthorization, ResponseRefused};
pub use error::{OAuthError, RefreshFailure};
pub use http::{EXCHANGE_TIMEOUT, HttpClient, HttpClients};
pub use token::{RevocableToken, TokenSet};

use url::Url;

use crate::secret::Secret;

/// One registered application at one authorization server.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// Public identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// Only confidential applications have one.
    pub client_secret: Option<Secret<String>>,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Url,
    /// RFC 7009, where there is one.
    pub revocation_endpoint: Option<Url>,
}
