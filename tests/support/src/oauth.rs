//! What the OAuth endpoints share: errors, client authentication, dispatch.

use http::header::{CACHE_CONTROL, HOST, WWW_AUTHENTICATE};
use http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::call::Call;
use crate::grants::{App, Grants};
use crate::response::{self, Body};
use crate::{authorize, token};

/// Doorkeeper's errors, in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OauthError {
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
}

impl OauthError {
    /// The value of `error`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }

    /// The value of `error_description`.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::InvalidClient => {
                "Client authentication failed due to unknown client, no client authentication \
                 included, or unsupported authentication method."
            }
            Self::InvalidGrant => {
                "The provided authorization grant is invalid, expired, revoked, does not match \
                 the redirection URI used in the authorization request, or was issued to another \
                 client."
            }
            Self::InvalidRequest => {
                "The request is missing a required parameter, includes an unsupported parameter \
                 value, or is otherwise malformed."
            }
            Self::InvalidScope => "The requested scope is invalid, unknown, or malformed.",
            Self::UnauthorizedClient => "You are not authorized to revoke this token",
            Self::UnsupportedGrantType => {
                "The authorization grant type is not supported by the authorization server."
            }
            Self::UnsupportedResponseType => {
                "The authorization server does not support this response type."
            }
        }
    }

    /// The response of the token and revocation endpoints.
    pub(crate) fn response(self) -> Response<Body> {
        let status = match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::UnauthorizedClient => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        let (code, description) = (self.code(), self.description());
        let body = json!({"error": code, "error_description": description});
        let mut response = response::json(status, &body);
        let challenge = format!(
            r#"Bearer realm="Doorkeeper", error="{code}", error_description="{description}""#
        );
        response::set(&mut response, WWW_AUTHENTICATE, &challenge);
        response::set(&mut response, CACHE_CONTROL, "no-store");
        response
    }
}

/// Serves `/oauth/…`.
pub(crate) fn serve(call: &Call) -> Response<Body> {
    match (call.method(), call.path.as_str()) {
        (Method::GET, "/oauth/authorize") => authorize::ask(call),
        (Method::POST, "/oauth/authorize") => authorize::clicked(call),
        (Method::POST, "/oauth/token") => token::grant(call),
        (Method::POST, "/oauth/revoke") => token::revoke(call),
        (Method::GET, "/oauth/token/info") => token::info(call),
        (Method::GET | Method::POST, "/oauth/userinfo") => token::userinfo(call),
        _ => response::not_found(),
    }
}

/// The endpoints, at the address that the client has used.
pub(crate) fn metadata(call: &Call) -> Response<Body> {
    let host = call
        .parts
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or(call.parts.uri.authority().map(http::uri::Authority::as_str));
    let base = format!(
        "https://{}{}",
        host.unwrap_or_default(),
        call.shared.settings.root
    );
    let document = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "response_types_supported": ["code"],
    });
    response::json(StatusCode::OK, &document)
}

/// Client authentication by `client_secret_basic`, `client_secret_post`, or the bare `client_id`
/// of a public client. `None`: no client is named at all.
pub(crate) fn client(call: &Call, grants: &Grants) -> Result<Option<App>, OauthError> {
    let (client_id, secret) = match call.credential.basic() {
        // RFC 6749 §2.3.1: both halves are form-encoded first.
        Some((user, password)) => (decode(user), Some(decode(password))),
        None => match call.field("client_id") {
            Some(client_id) => (
                client_id.to_owned(),
                call.field("client_secret").map(ToOwned::to_owned),
            ),
            None => return Ok(None),
        },
    };
    let app = grants.app(&client_id).ok_or(OauthError::InvalidClient)?;
    let secret = secret.filter(|secret| !secret.is_empty());
    let authenticated = match (&app.client_secret, secret) {
        (Some(right), Some(given)) => *right == given,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    authenticated
        .then(|| Some(app.clone()))
        .ok_or(OauthError::InvalidClient)
}

fn decode(value: &str) -> String {
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
