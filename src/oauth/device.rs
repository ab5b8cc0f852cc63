//! The device authorization grant (RFC 8628): the user consents on another device.
//!
//! ```text
//! begin ──→ DeviceAuthorization ── wait ──┬── pending, slow_down ──→ wait on
//!           (a code and a URL to show)    ├── a token ──→ TokenSet
//!                                         └── denied, expired ──→ Err
//! ```

use std::time::Duration;

use oauth2::{
    DeviceAuthorizationUrl, RequestTokenError, Scope, StandardDeviceAuthorizationResponse,
};
use url::Url;

use super::OAuthClient;
use super::error::{OAuthError, printable};
use super::http::{HttpClient, host_of};
use super::token::{TokenClient, TokenSet};
use crate::secret::Secret;

/// A request that the user has not answered yet.
pub struct DeviceAuthorization {
    client: OAuthClient,
    details: StandardDeviceAuthorizationResponse,
}

impl OAuthClient {
    /// Asks for a code that the user enters elsewhere (RFC 8628 §3.1).
    pub async fn begin_device(
        self,
        endpoint: &Url,
        scopes: &str,
        http: &HttpClient,
    ) -> Result<DeviceAuthorization, OAuthError> {
        let host = host_of(endpoint);
        let client = self.client();
        let client =
            client.set_device_authorization_url(DeviceAuthorizationUrl::from_url(endpoint.clone()));
        let mut request = client.exchange_device_code();
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes.to_owned()));
        }
        let asking = TokenClient::new(http, &self.style);
        let details = request.request_async(&asking).await.map_err(|error| {
            OAuthError::from_token_request(&host, error).without(&[self.secret_text()])
        })?;
        Ok(DeviceAuthorization {
            client: self,
            details,
        })
    }
}

impl DeviceAuthorization {
    /// The code that the user enters.
    pub fn user_code(&self) -> String {
        printable(self.details.user_code().secret())
    }

    /// Where the user enters it.
    pub fn verification_uri(&self) -> String {
        printable(self.details.verification_uri())
    }

    /// The same with the code in it, if the server has such a URL (RFC 8628 §3.3.1).
    pub fn complete_uri(&self) -> Option<Secret<String>> {
        let uri = self.details.verification_uri_complete()?;
        Some(Secret::new(printable(uri.secret())))
    }

    /// How long the code is good.
    pub fn lifetime(&self) -> Duration {
        self.details.expires_in()
    }

    /// Asks again and again whether the user has consented, as slowly as the server wants (RFC 8628
    /// §3.5), until the code expires.
    pub async fn wait(self, http: &HttpClient) -> Result<TokenSet, OAuthError> {
        let Self { client, details } = self;
        let host = host_of(&client.token_endpoint);
        let request = client.client();
        let request = request.exchange_device_access_token(&details);
        let asking = TokenClient::new(http, &client.style);
        let response = request
            .request_async(&asking, tokio::time::sleep, None)
            .await;
        response
            .map_err(|error| match error {
                RequestTokenError::ServerResponse(response) => OAuthError::Refused {
                    host: host.clone(),
                    code: printable(response.error().as_ref()),
                    description: response.error_description().map(|text| printable(text)),
                },
                RequestTokenError::Request(error) => error,
                _ => OAuthError::Malformed {
                    host: host.clone(),
                    reason: "not a response of RFC 8628".to_owned(),
                },
            })?
            .into_token_set(&host)
    }
}
