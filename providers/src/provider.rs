//! A provider: the checked content of a definition.

use std::time::Duration;

use url::Url;

use crate::base_url::BaseUrl;
use crate::endpoint::Endpoint;
use crate::field::{CredentialField, Param};
use crate::git_section::GitSection;
use crate::host::HostPattern;
use crate::id::ProviderId;
use crate::pointer::JsonPointer;
use crate::rules::SharedRules;
use crate::scope_rules::ScopeRules;
use crate::template::Template;
use crate::words::{ClientAuthentication, ExportField, Flow, RedirectHost, TokenRequestForm};

/// A service that a connection can be made to. [`Provider::at`] and [`Provider::sign_in_at`] apply
/// the base URL of a connection to it.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name, which all commands use.
    pub id: ProviderId,
    /// Its name to display.
    pub display_name: String,
    /// What can be done with it, in one line.
    pub description: Option<String>,
    /// What kind of service it is: `ai`, `code`, ….
    pub category: Option<String>,
    /// What a place needs to be named. If there are any, the definition is used through
    /// [`Definition::placed`](crate::Definition::placed).
    pub params: Vec<Param>,
    /// What stands for the credential in the environment of a run.
    pub placeholder: String,
    /// Variables with values that anybody may see.
    pub environment: Vec<(String, Template)>,
    /// Where git's repositories are.
    pub git: Option<GitSection>,
    /// Where the token's response names the host of the API.
    pub instance_url: Option<InstanceUrl>,
    /// When and by what the definition was checked; `None` for one that says nothing of it.
    pub checked: Option<Checked>,
    /// What of the definition could not be checked.
    pub unverified: Vec<String>,
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
    /// Where the projects are whose CI variables its API has: `PROJECT/variables/NAME` below it.
    pub ci_variables: Option<Endpoint>,
    /// Which scopes requests need.
    pub scope_rules: ScopeRules,
    /// Pages of an instance whose paths users may copy together with its address.
    pub(crate) pages: Vec<String>,
    pub(crate) api_urls: Vec<ApiUrl>,
    pub(crate) accounts: Vec<AccountSource>,
    pub(crate) rules: SharedRules,
}

impl Provider {
    /// The address of the service itself: the first that the definition names.
    pub fn api_address(&self) -> Option<BaseUrl> {
        self.api_urls.iter().find_map(|place| match place {
            ApiUrl::Below(url) => Some(url.clone()),
            _ => None,
        })
    }
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
    /// Its parts; the first secret one is the key itself, and comes first.
    pub fields: Vec<CredentialField>,
    /// Where it is exchanged for what requests carry, if they do not carry the key itself.
    pub exchange: Option<KeyExchange>,
}

/// Where a key is exchanged for a token of a short life: by a POST of a JSON object, whose response
/// has the token as `access_token`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyExchange {
    /// Where it is sent to.
    pub url: Endpoint,
    /// The member that has the key.
    pub key: String,
    /// A field that is no secret, and the member that has it.
    pub id: Option<(String, String)>,
    /// How long a token lives if the response does not say it.
    pub lifetime: Duration,
}

/// Where the token's response names the host of the API.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InstanceUrl {
    /// Where in the response.
    pub pointer: JsonPointer,
    /// The domain that the host must be below.
    pub suffix: String,
}

/// When a definition was checked against the service's documentation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checked {
    /// The date, as `2026-11-28`.
    pub on: String,
    /// What was read.
    pub from: Vec<String>,
}

/// An OAuth 2 authorization server, and what is requested from it.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the definition"
)]
pub struct OAuth {
    /// The authorization endpoint (RFC 6749 §3.1); `None` if it is discovered, or not used.
    pub authorization: Option<Endpoint>,
    /// The token endpoint (RFC 6749 §3.2); `None` if it is discovered.
    pub token: Option<Endpoint>,
    /// Whether the endpoints are discovered from the protected resource (RFC 9728, RFC 8414).
    pub discover: bool,
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
    /// What stands between scopes in a request: a space (RFC 6749 §3.3), or what the server wants.
    pub scope_separator: String,
    /// Variables that may hold the application's id and secret.
    pub client_variables: (Option<String>, Option<String>),
    /// Whether the server supports PKCE (RFC 7636).
    pub pkce: bool,
    /// Whether the server supports the device flow.
    pub supports_device_code: bool,
    /// Whether the application may log in as itself (RFC 6749 §4.4).
    pub supports_client_credentials: bool,
    /// Whether the server supports dynamic client registration.
    pub supports_dcr: bool,
    /// Additional parameters of the authorization request.
    pub authorization_params: Vec<(String, String)>,
    /// How the client authenticates at the token endpoint, if the definition says so.
    pub client_authentication: Option<ClientAuthentication>,
    /// The host of the redirect URI.
    pub redirect_host: RedirectHost,
    /// The form of token requests.
    pub token_request: TokenRequestForm,
    /// The form of the token request in the device flow.
    pub device_token_request: TokenRequestForm,
}

impl OAuth {
    /// All endpoints of the definition.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let optional = [
            &self.authorization,
            &self.token,
            &self.revocation,
            &self.device_authorization,
            &self.registration,
        ];
        optional.into_iter().flatten()
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
    /// Where the response has the account's id; `None` if it only tells whether a credential is
    /// good.
    pub(crate) id: Option<JsonPointer>,
    pub(crate) label: Option<JsonPointer>,
    pub(crate) post: Option<Post>,
    pub(crate) signed_for: Option<SignedFor>,
}

/// A request by POST, which is always the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Post {
    /// The type of the body; `None` if the request has none.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
}

/// For what a request is signed (AWS Signature Version 4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedFor {
    /// The region: `eu-central-1`.
    pub region: String,
    /// The service: `sts`.
    pub service: String,
}
