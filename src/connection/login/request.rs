//! The input of a login, and its result.

use authsome_providers::BaseUrl;
use url::Url;

use crate::connection::record::{ClientCredentials, Connection};
use crate::connection::terms::Terms;
use crate::credential::ConnectionId;
use crate::loopback::FormWords;
use crate::net::tls::ClientCertificate;
use crate::oauth::AccountLookup;

/// The input of a login.
#[derive(Debug)]
pub struct LoginRequest {
    /// The connection to make.
    pub id: ConnectionId,
    /// The provider's display name.
    pub provider: String,
    /// Where the provider is, if it can be self-hosted.
    pub base_url: Option<BaseUrl>,
    /// A private CA (PEM) to trust for this connection.
    pub ca_pem: Option<String>,
    /// The certificate for servers that ask for one in the TLS handshake.
    pub client_certificate: Option<ClientCertificate>,
    /// The application that the user named. If it is `None`, the one of an earlier login is used,
    /// or else the form asks for one.
    pub client: Option<ClientCredentials>,
    /// Where the user is sent.
    pub authorization_endpoint: Url,
    /// Where the code is exchanged.
    pub token_endpoint: Url,
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
    /// A command that shows that the connection works.
    pub proof: Option<String>,
    /// Requests that tell whose account the grant is for.
    pub account_lookups: Vec<AccountLookup>,
    /// The scopes to request.
    pub scopes: Vec<String>,
    /// Whether a connection of that name may be replaced.
    pub replace: bool,
    /// What the connection is made with.
    pub terms: Terms,
}

/// A login that was stored.
#[derive(Debug)]
pub struct LoggedIn {
    /// The new connection.
    pub connection: Connection,
    /// The scopes that were requested; the connection has those that were granted.
    pub requested_scopes: Vec<String>,
}
