//! What a login is made of, and what comes of it.

use authsome_providers::BaseUrl;
use url::Url;

use crate::connection::record::{ClientCredentials, Connection};
use crate::connection::terms::Terms;
use crate::credential::ConnectionId;
use crate::net::tls::ClientCertificate;
use crate::oauth::AccountLookup;

/// What a login needs to know.
#[derive(Debug)]
pub struct LoginRequest {
    /// The connection to make.
    pub id: ConnectionId,
    /// The provider's name for people.
    pub provider: String,
    /// Where it is, for one that can be self-hosted.
    pub base_url: Option<BaseUrl>,
    /// A private CA (PEM) to trust for this connection.
    pub ca_pem: Option<String>,
    /// What tells the servers of this connection who logs in, where they ask in TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// The application, where the user named one; else the one of an earlier login; else the form
    /// asks.
    pub client: Option<ClientCredentials>,
    /// Where the user is sent.
    pub authorization_endpoint: Url,
    /// Where the code is exchanged.
    pub token_endpoint: Url,
    /// Where the grant can be revoked.
    pub revocation_endpoint: Option<Url>,
    /// What `iss` must say, if it comes.
    pub issuer: Option<String>,
    /// Further parameters of the authorization request.
    pub extra_parameters: Vec<(String, String)>,
    /// The provider's page of applications.
    pub applications_url: Option<Url>,
    /// Where to ask whose grant it is.
    pub account_lookups: Vec<AccountLookup>,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// Whether a connection of that name may be replaced.
    pub replace: bool,
    /// What the connection is made with.
    pub terms: Terms,
}

/// A login that is stored.
#[derive(Debug)]
pub struct LoggedIn {
    /// The new connection.
    pub connection: Connection,
    /// What was asked for; the connection has what was granted.
    pub requested_scopes: Vec<String>,
}
