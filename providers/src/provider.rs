//! A provider: what a definition says, checked.

use std::fmt;

use regex::Regex;
use thiserror::Error;
use url::Url;

use crate::base_url::BaseUrl;
use crate::endpoint::Endpoint;
use crate::host::HostPattern;
use crate::id::ProviderId;
use crate::pointer::JsonPointer;
use crate::rules::SharedRules;

/// A service that a connection can be made to. [`Provider::at`] and [`Provider::sign_in_at`] put it
/// at a place.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name, by which every command calls it.
    pub id: ProviderId,
    /// Its name for people.
    pub display_name: String,
    /// How it is logged in to, unless the user says otherwise.
    pub flow: Flow,
    /// What a credential is here, and how one is got.
    pub auth: Auth,
    /// The address of the public instance; `None` where endpoints are fixed, or every instance is
    /// self-hosted.
    pub base_url: Option<BaseUrl>,
    /// Environment variables that get the credential.
    pub export: Vec<Export>,
    /// More variables that get the placeholder under `authsome run`.
    pub placeholders: Vec<String>,
    /// Variables in which this service's tools look for the address of an instance that is not the
    /// public one.
    pub addresses: Vec<Address>,
    /// Where people can read about credentials.
    pub docs_url: Option<Url>,
    /// Where the user registers an OAuth application.
    pub applications_url: Option<Endpoint>,
    /// Paths of an instance that people copy along with its address.
    pub(crate) pages: Vec<String>,
    pub(crate) api_urls: Vec<ApiUrl>,
    pub(crate) accounts: Vec<AccountSource>,
    pub(crate) rules: SharedRules,
}

/// What a credential is, and how one is got.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A key that the user copies from the service.
    ApiKey(ApiKey),
    /// An OAuth 2 access token, with its refresh token.
    OAuth2(Box<OAuth>),
}

/// A key that the user copies from the service.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The variable in which tools of this service look for the key.
    pub env_var: Option<String>,
    /// What a key looks like.
    pub key_pattern: Option<KeyPattern>,
    /// The same in words.
    pub key_pattern_hint: Option<String>,
}

/// What an API key looks like: a regular expression for the whole key.
#[derive(Clone, Debug)]
pub struct KeyPattern(pub(crate) Regex);

impl KeyPattern {
    /// Whether the key looks right.
    pub fn accepts(&self, key: &str) -> bool {
        self.0.is_match(key)
    }
}

/// An OAuth 2 authorization server, and what it is asked for.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// Where the user consents (RFC 6749 §3.1).
    pub authorization: Endpoint,
    /// Where a code or refresh token becomes an access token (RFC 6749 §3.2).
    pub token: Endpoint,
    /// Where a token is revoked (RFC 7009).
    pub revocation: Option<Endpoint>,
    /// Where a device code is got (RFC 8628).
    pub device_authorization: Option<Endpoint>,
    /// Where a client registers itself (RFC 7591).
    pub registration: Option<Endpoint>,
    /// What is asked for, unless the user says otherwise.
    pub scopes: Vec<String>,
    /// Whether the server takes a code challenge (RFC 7636).
    pub pkce: bool,
    /// Whether the server takes the device flow.
    pub supports_device_code: bool,
    /// Whether the server lets clients register themselves.
    pub supports_dcr: bool,
    /// What else goes into the authorization request.
    pub authorization_params: Vec<(String, String)>,
    /// How the client names itself at the token endpoint, where the definition says so.
    pub client_authentication: Option<ClientAuthentication>,
    /// How the token endpoint is polled in the device flow.
    pub device_token_request: DeviceTokenRequest,
}

impl OAuth {
    /// Every endpoint that there is.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let optional = [
            &self.revocation,
            &self.device_authorization,
            &self.registration,
        ];
        [&self.authorization, &self.token]
            .into_iter()
            .chain(optional.into_iter().flatten())
    }
}

/// A variable and what it gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Export {
    /// What it gets.
    pub field: ExportField,
    /// Its name.
    pub variable: String,
}

/// A variable in which a tool looks for an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// Its name.
    pub variable: String,
    /// What follows the base URL in it: empty, or a path that starts with `/`.
    pub path: String,
}

/// A host, URL or path of `api_url`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ApiUrl {
    Below(BaseUrl),
    Hosts(Vec<HostPattern>),
    OnInstance(String),
}

/// An entry of `account`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AccountSource {
    pub(crate) url: Endpoint,
    pub(crate) id: JsonPointer,
    pub(crate) label: Option<JsonPointer>,
}

/// A word of a definition that is none of those known.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("it must be one of {known}")]
pub struct WordError {
    known: &'static str,
}

/// An enum of words: the enum, its `FromStr` and its `Display` from one table. The first word of a
/// line is the one that is shown.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $known:literal, $($(#[$doc:meta])* $variant:ident = $word:literal $(| $also:literal)*,)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl std::str::FromStr for $name {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word $(| $also)* => Ok(Self::$variant),)+
                    _ => Err(WordError { known: $known }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }
    };
}

words! {
    /// How the client names itself at the token endpoint (RFC 6749 §2.3.1).
    ClientAuthentication, "basic, post",
    /// In the `Authorization` header.
    Basic = "basic" | "header" | "client_secret_basic",
    /// In the form.
    Post = "post" | "body" | "client_secret_post",
}

words! {
    /// How the token endpoint is polled in the device flow.
    DeviceTokenRequest, "oauth2_form, json",
    /// A JSON body, which some servers want.
    Json = "json",
    /// The form of RFC 8628.
    OAuth2Form = "oauth2_form",
}

words! {
    /// A part of a credential that a variable can get.
    ExportField, "access_token, refresh_token, api_token",
    /// The OAuth access token.
    AccessToken = "access_token",
    /// The API key.
    ApiToken = "api_token" | "api_key",
    /// The OAuth refresh token: declared by some definitions, never exported.
    RefreshToken = "refresh_token",
}

words! {
    /// A way to get a credential.
    Flow, "pkce, device_code, dcr_pkce, api_key",
    /// The user pastes a key.
    ApiKey = "api_key",
    /// The authorization code flow with a client that registers itself (RFC 7591).
    DcrPkce = "dcr_pkce",
    /// The device flow (RFC 8628).
    DeviceCode = "device_code",
    /// The authorization code flow with a code challenge (RFC 7636).
    Pkce = "pkce",
}
