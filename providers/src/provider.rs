//! A provider: the checked content of a definition.

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

/// A service that a connection can be made to. [`Provider::at`] and [`Provider::sign_in_at`] apply
/// the base URL of a connection to it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name, which all commands use.
    pub id: ProviderId,
    /// Its name to display.
    pub display_name: String,
    /// How the user logs in, unless they choose another flow.
    pub flow: Flow,
    /// The kind of credential, and how to obtain one.
    pub auth: Auth,
    /// The address of the public instance; `None` where endpoints are fixed, or every instance is
    /// self-hosted.
    pub base_url: Option<BaseUrl>,
    /// Environment variables that hold the credential.
    pub export: Vec<Export>,
    /// Other variables that hold the placeholder under `authsome run`.
    pub placeholders: Vec<String>,
    /// Variables in which this service's tools look for the address of an instance other than the
    /// public one.
    pub addresses: Vec<Address>,
    /// Documentation about credentials for users.
    pub docs_url: Option<Url>,
    /// Where the user registers an OAuth application.
    pub applications_url: Option<Endpoint>,
    /// What the provider's page for registering an application calls its fields.
    pub application_form: ApplicationForm,
    /// Pages of an instance whose paths users may copy together with its address.
    pub(crate) pages: Vec<String>,
    pub(crate) api_urls: Vec<ApiUrl>,
    pub(crate) accounts: Vec<AccountSource>,
    pub(crate) rules: SharedRules,
}

/// The kind of credential, and how to obtain one.
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
    /// The form of a key.
    pub key_pattern: Option<KeyPattern>,
    /// The form of a key in words.
    pub key_pattern_hint: Option<String>,
}

/// The form of an API key: a regular expression that must match the whole key.
#[derive(Clone, Debug)]
pub struct KeyPattern(pub(crate) Regex);

impl KeyPattern {
    /// Whether the key has this form.
    pub fn accepts(&self, key: &str) -> bool {
        self.0.is_match(key)
    }
}

/// An OAuth 2 authorization server, and what is requested from it.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// The authorization endpoint (RFC 6749 §3.1).
    pub authorization: Endpoint,
    /// The token endpoint (RFC 6749 §3.2).
    pub token: Endpoint,
    /// The revocation endpoint (RFC 7009).
    pub revocation: Option<Endpoint>,
    /// The authorization server's metadata (RFC 8414, or `OpenID` Connect Discovery).
    pub metadata: Option<Endpoint>,
    /// The device authorization endpoint (RFC 8628).
    pub device_authorization: Option<Endpoint>,
    /// The client registration endpoint (RFC 7591).
    pub registration: Option<Endpoint>,
    /// The scopes to request, unless the user chooses others.
    pub scopes: Vec<String>,
    /// Whether the server supports PKCE (RFC 7636).
    pub pkce: bool,
    /// Whether the server supports the device flow.
    pub supports_device_code: bool,
    /// Whether the server supports dynamic client registration.
    pub supports_dcr: bool,
    /// Additional parameters of the authorization request.
    pub authorization_params: Vec<(String, String)>,
    /// How the client authenticates at the token endpoint, if the definition says so.
    pub client_authentication: Option<ClientAuthentication>,
    /// The form of the token request in the device flow.
    pub device_token_request: DeviceTokenRequest,
}

impl OAuth {
    /// All endpoints of the definition.
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

/// What the provider's page for registering an OAuth application calls its fields and buttons.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApplicationForm {
    /// The button or link that begins a new application.
    pub add: String,
    /// The field for its name.
    pub name: String,
    /// The field for the redirect URI.
    pub redirect_uri: String,
    /// The box that is ticked for an application that can keep a secret; `None` if there is none.
    pub confidential: Option<String>,
    /// The list of scopes.
    pub scopes: String,
    /// The button that registers it.
    pub save: String,
    /// What the client ID is called.
    pub id: String,
    /// What the client secret is called.
    pub secret: String,
}

/// A variable and the credential that it holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Export {
    /// What the variable holds.
    pub field: ExportField,
    /// Its name.
    pub variable: String,
}

/// A variable in which a tool looks for the address of an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// Its name.
    pub variable: String,
    /// The path after the base URL: empty, or starting with `/`.
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

/// A word in a definition that is not one of the known ones.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("it must be one of {known}")]
pub struct WordError {
    known: &'static str,
}

/// Defines an enum of words with its `FromStr` and `Display` from one table. `Display` shows the
/// first word of a line.
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
    /// How the client authenticates at the token endpoint (RFC 6749 §2.3.1).
    ClientAuthentication, "basic, post",
    /// In the `Authorization` field.
    Basic = "basic" | "header" | "client_secret_basic",
    /// In the form body.
    Post = "post" | "body" | "client_secret_post",
}

words! {
    /// The form of the token request in the device flow.
    DeviceTokenRequest, "oauth2_form, json",
    /// A JSON body, which some servers require.
    Json = "json",
    /// The form of RFC 8628.
    OAuth2Form = "oauth2_form",
}

words! {
    /// A part of a credential that a variable can hold.
    ExportField, "access_token, refresh_token, api_token",
    /// The OAuth access token.
    AccessToken = "access_token",
    /// The API key.
    ApiToken = "api_token" | "api_key",
    /// The OAuth refresh token: declared by some definitions, never exported.
    RefreshToken = "refresh_token",
}

words! {
    /// A way to obtain a credential.
    Flow, "pkce, device_code, dcr_pkce, api_key",
    /// The user pastes an API key.
    ApiKey = "api_key",
    /// The authorization code flow with dynamic client registration (RFC 7591).
    DcrPkce = "dcr_pkce",
    /// The device flow (RFC 8628).
    DeviceCode = "device_code",
    /// The authorization code flow with PKCE (RFC 7636).
    Pkce = "pkce",
}
