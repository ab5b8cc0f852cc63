//! The OAuth protocol, RFC by RFC: 6749 (authorization code grant, refresh), 7636 (PKCE), 8252
//! (loopback redirect; the listener itself is in `loopback`), 9207 (issuer identification), 7009
//! (revocation), 8414 (metadata).
//!
//! This is the only module that uses the `oauth2` crate, and none of that crate's types leave it.
//! It knows neither the vault nor the terminal, and no provider by name: what differs between
//! providers is passed in as data ([`OAuthClient`]).

mod account;
mod authorize;
mod device;
mod discover;
mod error;
mod exchange;
mod http;
mod metadata;
mod register;
mod resource;
mod response;
mod token;
mod transport;

pub use account::{Account, AccountLookup, TokenCheck, check_token, look_up_account};
pub use authorize::{
    AuthorizationResponse, PendingAuthorization, ResponseRefused, SavedAuthorization,
};
pub use device::DeviceAuthorization;
pub use discover::{Discovered, discover};
pub use error::{OAuthError, RefreshFailure};
pub use exchange::KeyExchange;
pub use http::{EXCHANGE_TIMEOUT, HttpClient, HttpClients};
pub use metadata::{Recognized, recognize};
pub use register::{Registration, register};
pub use resource::{ResourceRequest, ResourceResponse};
pub use token::{RevocableToken, TokenSet};

use url::Url;

use crate::loopback::RedirectUri;
use crate::secret::Secret;

/// One registered application at one authorization server.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    /// Public identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// Only confidential clients have one (RFC 6749 §2.1).
    pub client_secret: Option<Secret<String>>,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Url,
    /// RFC 7009. `None` if the provider has no such endpoint.
    pub revocation_endpoint: Option<Url>,
    /// How this server wants to be asked, where that is not the usual.
    pub style: RequestStyle,
}

/// How an authorization server wants to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestStyle {
    /// The client's id and secret go into the `Authorization` field instead of the body (RFC 6749
    /// §2.3.1).
    pub basic: bool,
    /// Where codes are sent to.
    pub redirect: RedirectUri,
    /// Token requests are JSON instead of a form.
    pub json: bool,
    /// A key is exchanged there, in a way that is none of OAuth. The key is then the client's
    /// secret.
    pub exchange: Option<KeyExchange>,
    /// The protected resource that tokens are for (RFC 8707): it goes with each request for one.
    pub resource: Option<String>,
}
