//! Keys that a service exchanges for a token of a short life, by a request that is none of OAuth: a
//! JSON object with the key, and perhaps with who it belongs to. What has expired is asked for
//! again, as with the client credentials of RFC 6749 §4.4.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use oauth2::HttpRequest;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::OAuthClient;
use super::error::OAuthError;
use super::http::{HttpClient, host_of};
use super::response::recognise;
use super::token::{LenientTokenResponse, TokenSet};

/// How a key is exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyExchange {
    /// The member of the request that has the key.
    pub key: String,
    /// The member that has the client's id, if one has it.
    pub id: Option<String>,
    /// How long a token lives if the response does not say it.
    pub lifetime: Duration,
}

/// The error code of a key that is refused: as for a client, its key is to be corrected.
const REFUSED: &str = "invalid_client";

impl OAuthClient {
    /// Asks for a token in exchange for the key.
    pub(super) async fn exchange_key(
        &self,
        exchange: &KeyExchange,
        http: &HttpClient,
    ) -> Result<TokenSet, OAuthError> {
        let host = host_of(&self.token_endpoint);
        let malformed = |reason: &str| OAuthError::Malformed {
            host: host.clone(),
            reason: reason.to_owned(),
        };
        let request = self.exchange_request(exchange);
        let request = request.ok_or_else(|| malformed("its URL is none of HTTP"))?;
        let answered = http.json_exchange(&self.token_endpoint, request).await;
        let (status, body) = answered?;
        let body = Zeroizing::new(body);
        match status {
            200..=299 => {}
            // Nothing that is said of the key.
            404 | 408 | 429 => {
                return Err(OAuthError::Status {
                    host,
                    status,
                    retry_after: None,
                });
            }
            _ => {
                return Err(OAuthError::Refused {
                    host,
                    code: REFUSED.to_owned(),
                    description: Some("the key is not accepted".to_owned()),
                });
            }
        }
        let found = recognise(StatusCode::OK, &body).map(|(_, json)| Zeroizing::new(json));
        let found = found.and_then(|json| serde_json::from_slice(&json).ok());
        let found: LenientTokenResponse =
            found.ok_or_else(|| malformed("there is no access_token"))?;
        let set = found.into_token_set(&host)?;
        Ok(TokenSet {
            // The key is what is used again.
            refresh_token: None,
            expires_in: set.expires_in.or(Some(exchange.lifetime)),
            ..set
        })
    }

    fn exchange_request(&self, exchange: &KeyExchange) -> Option<HttpRequest> {
        let mut object = Map::new();
        if let Some(id) = &exchange.id {
            object.insert(id.clone(), Value::from(self.client_id.as_str()));
        }
        object.insert(exchange.key.clone(), Value::from(self.secret_text()));
        let mut request = HttpRequest::new(Value::Object(object).to_string().into_bytes());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.token_endpoint.as_str().parse().ok()?;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        Some(request)
    }
}
