//! Requests to a protected resource in JSON, with a bearer token (RFC 6750 §2.1).

use std::fmt;

use authsome_providers::Shape;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use serde_json::Value;
use url::Url;

use super::error::OAuthError;
use super::http::{HttpClient, host_of};
use crate::credential::Fields;
use crate::credential::ready::Ready;
use crate::secret::Secret;

/// What is asked.
pub struct ResourceRequest {
    method: Method,
    url: Url,
    body: Vec<u8>,
}

/// What is answered.
pub struct ResourceResponse {
    /// The status.
    pub status: u16,
    /// The JSON of a success; null if there is none.
    pub body: Value,
}

impl ResourceRequest {
    /// Reads the resource.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            body: Vec::new(),
        }
    }

    /// Replaces fields of the resource.
    pub fn put(url: Url, fields: &Value) -> Self {
        Self {
            method: Method::PUT,
            url,
            body: fields.to_string().into_bytes(),
        }
    }

    fn with(&self, token: &Secret<String>) -> Result<Request<Vec<u8>>, OAuthError> {
        let unfit = || OAuthError::Malformed {
            host: host_of(&self.url),
            reason: "its URL or the token does not fit into a request".to_owned(),
        };
        let target: http::Uri = self.url.as_str().parse().map_err(|_| unfit())?;
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method.clone();
        parts.uri = target.clone();
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(ACCEPT, json.clone());
        if !self.body.is_empty() {
            parts.headers.insert(CONTENT_TYPE, json);
        }
        let token = Ready::new(Fields::of(token), &Shape::Bearer);
        if !token.put(&mut parts, &target) {
            return Err(unfit());
        }
        Ok(Request::from_parts(parts, self.body.clone()))
    }
}

/// The body is left out, because it may hold a secret.
impl fmt::Debug for ResourceResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ResourceResponse");
        shown.field("status", &self.status).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Sends a request with that token. A status of a client's fault is an answer, not an error.
    pub async fn resource(
        &self,
        request: &ResourceRequest,
        token: &Secret<String>,
    ) -> Result<ResourceResponse, OAuthError> {
        let (status, body) = self
            .json_exchange(&request.url, request.with(token)?)
            .await?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(ResourceResponse { status, body })
    }
}
