//! Token responses (RFC 6749 §5.1), refresh (§6) and revocation (RFC 7009).

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AccessToken, AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RefreshToken, RequestTokenError,
    RevocationUrl, Scope, StandardRevocableToken, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroize;

use super::error::OAuthError;
use super::http::{HttpClient, RevocationClient, host_of};
use super::response;
use super::{OAuthClient, RequestStyle};
use crate::secret::Secret;

/// What a token endpoint granted.
#[derive(Debug)]
pub struct TokenSet {
    /// The access token, which is a bearer token.
    pub access_token: Secret<String>,
    /// The next refresh token. `None` means that the current one stays valid (RFC 6749 §6).
    pub refresh_token: Option<Secret<String>>,
    /// Lifetime of the access token, from the moment of the response. `None` if the server does not
    /// say.
    pub expires_in: Option<Duration>,
    /// The granted scopes. `None` means that they are the requested ones.
    pub scopes: Option<Vec<String>>,
    /// URLs that the response has beside the tokens: some services name the host of their API.
    pub urls: Vec<(String, String)>,
}

/// The `oauth2` crate's client with our token response and the endpoints that we set.
pub(super) type Client = oauth2::Client<
    BasicErrorResponse,
    LenientTokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointSet,
>;

/// The response as the server sent it. Every object with an access token is accepted; its other
/// fields are read where they make sense (`response.rs` says why).
#[derive(Serialize)]
pub(super) struct LenientTokenResponse {
    access_token: AccessToken,
    token_type: BasicTokenType,
    expires_in: Option<u64>,
    refresh_token: Option<RefreshToken>,
    scopes: Option<Vec<Scope>>,
    urls: Vec<(String, String)>,
}

impl<'de> Deserialize<'de> for LenientTokenResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = serde_json::Map::deserialize(deserializer)?;
        let missing = || serde::de::Error::custom("there is no access_token");
        let access_token = response::token_in(&object).ok_or_else(missing)?;
        let scope = |scope: &String| Scope::new(scope.clone());
        Ok(Self {
            access_token: AccessToken::new(access_token.to_owned()),
            // Servers write the type in many ways, or omit it. If the token is of another type than
            // bearer, the provider refuses it later, and the user learns about it. If it were
            // rejected here, the grant would be lost.
            token_type: BasicTokenType::Bearer,
            expires_in: response::lifetime_in(&object).map(|lifetime| lifetime.as_secs()),
            refresh_token: response::refresh_token_in(&object)
                .map(|token| RefreshToken::new(token.to_owned())),
            scopes: response::scopes_in(&object).map(|scopes| scopes.iter().map(scope).collect()),
            urls: response::urls_in(&object),
        })
    }
}

/// The trait requires `Debug`, but nothing of a token response may be printed.
impl fmt::Debug for LenientTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LenientTokenResponse([redacted])")
    }
}

impl TokenResponse for LenientTokenResponse {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scopes.as_ref()
    }
}

impl LenientTokenResponse {
    /// Checks what the types cannot express: that the token can be sent in a header (RFC 6750
    /// §2.1).
    pub(super) fn into_token_set(self, host: &str) -> Result<TokenSet, OAuthError> {
        let malformed = |reason: &str| OAuthError::Malformed {
            host: host.to_owned(),
            reason: reason.to_owned(),
        };
        let usable =
            |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let access_token = self.access_token.into_secret();
        if !usable(&access_token) {
            return Err(malformed(
                "its access_token is empty or not printable ASCII",
            ));
        }
        let refresh_token = self.refresh_token.map(RefreshToken::into_secret);
        Ok(TokenSet {
            access_token: Secret::new(access_token),
            refresh_token: refresh_token.map(Secret::new),
            expires_in: self.expires_in.map(Duration::from_secs),
            scopes: self
                .scopes
                .map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect()),
            urls: self.urls,
        })
    }
}

impl OAuthClient {
    /// Exchanges the refresh token for a new token pair. The request is sent exactly once.
    pub async fn refresh(
        &self,
        refresh_token: &Secret<String>,
        http: &HttpClient,
    ) -> Result<TokenSet, OAuthError> {
        let host = host_of(&self.token_endpoint);
        let token = RefreshToken::new(refresh_token.expose().clone());
        let client = self.client();
        let mut request = client.exchange_refresh_token(&token);
        if let Some(resource) = &self.style.resource {
            request = request.add_extra_param("resource", resource);
        }
        let response = request
            .request_async(&TokenClient::new(http, &self.style))
            .await;
        let sent = [refresh_token.expose().as_str(), self.secret_text()];
        wipe(token.into_secret());
        response
            .map_err(|error| OAuthError::from_token_request(&host, error).without(&sent))?
            .into_token_set(&host)
    }

    /// Asks for a token as the application itself (RFC 6749 §4.4), or in exchange for a key. The
    /// response needs no refresh token (§4.4.3): what has expired is asked for again.
    pub async fn ask_again(
        &self,
        scopes: &[String],
        http: &HttpClient,
    ) -> Result<TokenSet, OAuthError> {
        if let Some(exchange) = &self.style.exchange {
            return self.exchange_key(exchange, http).await;
        }
        let host = host_of(&self.token_endpoint);
        let client = self.client();
        let mut request = client.exchange_client_credentials();
        request = request.add_scopes(scopes.iter().cloned().map(Scope::new));
        if let Some(resource) = &self.style.resource {
            request = request.add_extra_param("resource", resource);
        }
        let response = request
            .request_async(&TokenClient::new(http, &self.style))
            .await;
        response
            .map_err(|error| {
                OAuthError::from_token_request(&host, error).without(&[self.secret_text()])
            })?
            .into_token_set(&host)
    }

    /// Revokes the grant (RFC 7009 §2.1). The server responds in the same way if it does not know
    /// the token (§2.2).
    pub async fn revoke(
        &self,
        token: RevocableToken<'_>,
        http: &HttpClient,
    ) -> Result<(), OAuthError> {
        let endpoint = self
            .revocation_endpoint
            .as_ref()
            .ok_or(OAuthError::NoRevocation)?;
        let host = host_of(endpoint);
        let revocable = match token {
            RevocableToken::Access(token) => {
                StandardRevocableToken::from(AccessToken::new(token.expose().clone()))
            }
            RevocableToken::Refresh(token) => {
                StandardRevocableToken::from(RefreshToken::new(token.expose().clone()))
            }
        };
        let client = self.client();
        let request = client
            .revoke_token(revocable)
            .map_err(|_| OAuthError::NoRevocation)?;
        let response = request.request_async(&RevocationClient(http)).await;
        response.map_err(|error| match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(response) => OAuthError::Refused {
                host: host.clone(),
                code: super::error::printable(response.error().as_ref()),
                description: response
                    .error_description()
                    .map(|text| super::error::printable(text)),
            },
            _ => OAuthError::Malformed {
                host: host.clone(),
                reason: "not a response of RFC 7009".to_owned(),
            },
        })
    }

    /// The secret that must not be repeated in a server's error text.
    pub(super) fn secret_text(&self) -> &str {
        self.client_secret
            .as_ref()
            .map_or("", |secret| secret.expose())
    }

    pub(super) fn client(&self) -> Client {
        let mut client = oauth2::Client::new(ClientId::new(self.client_id.clone()))
            // A fixed authentication method: trying another one would send a code or a refresh
            // token twice.
            .set_auth_type(if self.style.basic {
                AuthType::BasicAuth
            } else {
                AuthType::RequestBody
            })
            .set_token_uri(TokenUrl::from_url(self.token_endpoint.clone()))
            .set_revocation_url_option(
                self.revocation_endpoint
                    .clone()
                    .map(RevocationUrl::from_url),
            );
        if let Some(secret) = &self.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().clone()));
        }
        client
    }
}

/// Which token to revoke. Its type is sent as `token_type_hint`.
#[derive(Clone, Copy, Debug)]
pub enum RevocableToken<'a> {
    /// The access token, for a grant without a refresh token.
    Access(&'a Secret<String>),
    /// The refresh token. Revoking it revokes the whole grant.
    Refresh(&'a Secret<String>),
}

/// Sends token requests as this server wants them.
pub(super) struct TokenClient<'a> {
    http: &'a HttpClient,
    json: bool,
}

impl<'a> TokenClient<'a> {
    pub(super) fn new(http: &'a HttpClient, style: &RequestStyle) -> Self {
        Self {
            http,
            json: style.json,
        }
    }
}

impl<'c> AsyncHttpClient<'c> for TokenClient<'_> {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let request = if self.json { as_json(request) } else { request };
        Box::pin(self.http.exchange(request))
    }
}

/// The same request with a JSON object in place of the form.
fn as_json(request: HttpRequest) -> HttpRequest {
    let (mut parts, body) = request.into_parts();
    let body = zeroize::Zeroizing::new(body);
    let pairs = url::form_urlencoded::parse(&body);
    let object: serde_json::Map<_, _> = pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(CONTENT_TYPE, json);
    HttpRequest::from_parts(parts, serde_json::Value::Object(object).to_string().into())
}

fn wipe(mut token: String) {
    token.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<TokenSet, String> {
        let response: LenientTokenResponse =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        response
            .into_token_set("host")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn takes_what_servers_send() {
        let set = parse(r#"{"access_token":"a","token_type":"Bearer","expires_in":7200,"refresh_token":"r","scope":"api read_user","created_at":1}"#).unwrap();
        assert_eq!(set.access_token.expose(), "a");
        assert_eq!(set.expires_in, Some(Duration::from_hours(2)));
        assert_eq!(set.scopes.unwrap(), ["api", "read_user"]);
        let text =
            parse(r#"{"access_token":"a","token_type":"bearer","expires_in":"7200"}"#).unwrap();
        assert_eq!(text.expires_in, Some(Duration::from_hours(2)));
        let none =
            parse(r#"{"access_token":"a","token_type":"BEARER","refresh_token":""}"#).unwrap();
        assert!(none.expires_in.is_none() && none.refresh_token.is_none() && none.scopes.is_none());
    }

    #[test]
    fn keeps_a_token_whatever_stands_beside_it() {
        for odd in [
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","token_type":null}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","token_type":["bearer"],"refresh_token":7}"#,
            r#"{"access_token":"a","token_type":"bearer","expires_in":"soon"}"#,
            r#"{"access_token":"a\n","token_type":"bearer","expires_in":-5}"#,
            r#"{"access_token":"a","access_token":"a","scope":{"api":true}}"#,
        ] {
            let set = parse(odd).unwrap();
            assert_eq!(set.access_token.expose(), "a", "{odd}");
            assert!(
                set.expires_in.is_none() && set.refresh_token.is_none(),
                "{odd}"
            );
            assert!(set.scopes.is_none(), "{odd}");
        }
    }

    #[test]
    fn refuses_what_has_no_token_that_can_be_sent() {
        for bad in [
            r#"{"error":"x"}"#,
            r#"{"access_token":"","token_type":"bearer"}"#,
            r#"{"access_token":"a\nb","token_type":"bearer"}"#,
            r#"{"access_token":"\u00e4","token_type":"bearer"}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prints_no_token() {
        let set =
            parse(r#"{"access_token":"SECRET1","token_type":"bearer","refresh_token":"SECRET2"}"#)
                .unwrap();
        assert!(!format!("{set:?}").contains("SECRET"));
        let error = parse(r#"{"access_token":["SECRET1"],"token_type":"bearer"}"#).unwrap_err();
        assert!(!error.contains("SECRET"), "{error}");
    }
}
