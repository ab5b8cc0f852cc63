//! The application that the logins of a provider share, and where its secret may be sent.

use url::Url;

use super::login::OAuthRequest;
use super::record::ClientCredentials;
use crate::oauth::OAuthClient;

/// An application that the user has named at a login, for later logins at the same place.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id and secret.
    pub credentials: ClientCredentials,
    /// Where the secret has been sent: the token endpoint, and the revocation endpoint if there is
    /// one.
    pub endpoints: Vec<Url>,
}

impl Application {
    /// The application that a grant was issued to.
    pub fn of(client: &OAuthClient) -> Self {
        Self {
            credentials: ClientCredentials {
                client_id: client.client_id.clone(),
                client_secret: client.client_secret.clone(),
            },
            endpoints: endpoints_of(client),
        }
    }

    /// Whether it was used at this server. A definition that is changed between two logins must not
    /// send the secret elsewhere: the token endpoint has to be the same, and each other endpoint
    /// that gets the secret has to be at an origin that has had it.
    pub(super) fn is_at(&self, server: &OAuthRequest) -> bool {
        let others = [&server.revocation_endpoint, &server.device_endpoint];
        let mut others = others.into_iter().flatten();
        let has_had_it = |other: &Url| {
            let mut origins = self.endpoints.iter().map(Url::origin);
            origins.any(|origin| origin == other.origin())
        };
        self.endpoints.contains(&server.token_endpoint) && others.all(has_had_it)
    }
}

/// Where the secret of an application is sent.
pub(super) fn endpoints_of(client: &OAuthClient) -> Vec<Url> {
    let revocation = client.revocation_endpoint.iter();
    let endpoints = std::iter::once(&client.token_endpoint).chain(revocation);
    endpoints.cloned().collect()
}
