//! The input of a login, and its result.

use std::collections::BTreeMap;
use std::time::Duration;

use authsome_providers::{BaseUrl, CredentialField, Flow};
use url::Url;

use crate::clock::Timestamp;
use crate::connection::record::{ClientCredentials, Connection};
use crate::connection::terms::Terms;
use crate::credential::ConnectionId;
use crate::loopback::FormWords;
use crate::net::tls::ClientCertificate;
use crate::oauth::{AccountLookup, KeyExchange, OAuthClient, RequestStyle, SavedAuthorization};
use crate::secret::Secret;

/// The input of a login.
#[derive(Debug)]
pub struct LoginRequest {
    /// The connection to make.
    pub id: ConnectionId,
    /// The provider's display name.
    pub provider: String,
    /// Where the provider is, if it can be self-hosted.
    pub base_url: Option<BaseUrl>,
    /// What names the place, where the definition asks for it.
    pub params: BTreeMap<String, String>,
    /// A private CA (PEM) to trust for this connection.
    pub ca_pem: Option<String>,
    /// The certificate for servers that ask for one in the TLS handshake.
    pub client_certificate: Option<ClientCertificate>,
    /// A command that shows that the connection works.
    pub proof: Option<String>,
    /// Requests that tell whose account the grant is for.
    pub account_lookups: Vec<AccountLookup>,
    /// Whether a connection of that name may be replaced.
    pub replace: bool,
    /// What the connection is made with.
    pub terms: Terms,
    /// How the credential is obtained.
    pub flow: FlowRequest,
    /// The second step of a login that was suspended.
    pub resumed: Option<Resumed>,
}

/// How a credential is obtained.
#[derive(Debug)]
pub enum FlowRequest {
    /// The application logs in as itself (RFC 6749 §4.4).
    ClientCredentials(Box<OAuthRequest>),
    /// The user consents in a browser (RFC 6749 §4.1).
    Code(Box<OAuthRequest>),
    /// The user consents on another device (RFC 8628).
    Device(Box<OAuthRequest>),
    /// The authorization server is discovered, and the application registers itself there.
    Discovered(DiscoverRequest),
    /// The user has the credential already.
    Key(KeyRequest),
}

/// An authorization server, and what is asked of it.
#[derive(Clone, Debug)]
pub struct OAuthRequest {
    /// The application that the user named. If it is `None`, the one of an earlier login is used,
    /// or else the form asks for one.
    pub client: Option<ClientCredentials>,
    /// Where the user is sent.
    pub authorization_endpoint: Option<Url>,
    /// Where a device asks for a code.
    pub device_endpoint: Option<Url>,
    /// Whether the requests that wait for the user are JSON.
    pub device_json: bool,
    /// Where the code is exchanged.
    pub token_endpoint: Url,
    /// How requests are made there.
    pub style: RequestStyle,
    /// What the server is recognized by, before a browser opens.
    pub metadata: Option<Url>,
    /// Where the grant can be revoked.
    pub revocation_endpoint: Option<Url>,
    /// What `iss` must be, if the redirect has it (RFC 9207).
    pub issuer: Option<String>,
    /// Further parameters of the authorization request.
    pub extra_parameters: Vec<(String, String)>,
    /// The provider's page on which applications are registered.
    pub applications_url: Option<Url>,
    /// What that page calls its fields.
    pub form_words: FormWords,
    /// The scopes to request.
    pub scopes: Vec<String>,
    /// What stands between scopes in a request.
    pub scope_separator: String,
    /// Where the token's response names the host of the API, and the domain it must be below.
    pub instance: Option<(String, String)>,
    /// Where the application registers itself for this login (RFC 7591); `None` if the user names
    /// one.
    pub registration_endpoint: Option<Url>,
}

/// A protected resource whose authorization server is not known yet.
#[derive(Debug)]
pub struct DiscoverRequest {
    /// The application that the user named, if any.
    pub client: Option<ClientCredentials>,
    /// The resource.
    pub resource: Url,
    /// The scopes to request, if the user has named some.
    pub scopes: Option<Vec<String>>,
}

/// A credential that the user has.
#[derive(Debug)]
pub struct KeyRequest {
    /// Its parts as the definition has them; the first one is the key itself.
    pub parts: Vec<KeyPart>,
    /// Whether the parts without a value are asked for in a form. Otherwise they are left out.
    pub has_form: bool,
    /// Where the provider says how to get one.
    pub docs_url: Option<Url>,
    /// Where it is exchanged for what requests carry; `None` if they carry the key itself.
    pub exchange: Option<ExchangeRequest>,
}

/// How a key is exchanged for a token.
#[derive(Debug)]
pub struct ExchangeRequest {
    /// Where.
    pub endpoint: Url,
    /// The part that names whose key it is, if there is one.
    pub id_part: Option<String>,
    /// In which form.
    pub form: KeyExchange,
}

/// A part of a credential.
#[derive(Debug)]
pub struct KeyPart {
    /// What it is.
    pub field: CredentialField,
    /// Its value, if the user has given it.
    pub value: Option<Secret<String>>,
}

/// How long a login may wait for its second step: as long as a code of RFC 6749 §4.1.2 is good.
pub const SUSPENDED_LIFETIME: Duration = Duration::from_mins(10);

/// What the second step needs of the first.
#[derive(Debug)]
pub struct SuspendedLogin {
    /// The words of the command, from which the request is made again.
    pub arguments: Vec<String>,
    /// The application.
    pub client: ClientCredentials,
    /// Whether the application's id and secret go into the `Authorization` field.
    pub basic: bool,
    /// Where the code is exchanged.
    pub token_endpoint: String,
    /// The request's `state` and PKCE verifier.
    pub saved: SavedAuthorization,
    /// When it was suspended.
    pub at: Timestamp,
}

/// The second step of a login.
#[derive(Debug)]
pub struct Resumed {
    /// Under which it is kept.
    pub code: String,
    /// What was suspended.
    pub login: SuspendedLogin,
    /// The address that the browser has ended at.
    pub address: Secret<String>,
}

impl FlowRequest {
    /// The flow's name, as it is kept with the connection.
    pub fn flow(&self) -> Flow {
        match self {
            Self::ClientCredentials(_) => Flow::ClientCredentials,
            Self::Code(request) if request.registration_endpoint.is_some() => Flow::DcrPkce,
            Self::Discovered(_) => Flow::DcrPkce,
            Self::Code(_) => Flow::Pkce,
            Self::Device(_) => Flow::DeviceCode,
            Self::Key(_) => Flow::ApiKey,
        }
    }
}

impl OAuthRequest {
    /// The application with that id, at this server.
    pub(super) fn client_of(&self, client: ClientCredentials) -> OAuthClient {
        OAuthClient {
            client_id: client.client_id,
            client_secret: client.client_secret,
            token_endpoint: self.token_endpoint.clone(),
            revocation_endpoint: self.revocation_endpoint.clone(),
            style: self.style.clone(),
        }
    }
}

/// A login that was stored.
#[derive(Debug)]
pub struct LoggedIn {
    /// The new connection.
    pub connection: Connection,
    /// The scopes that were requested; the connection has those that were granted.
    pub requested_scopes: Vec<String>,
}
