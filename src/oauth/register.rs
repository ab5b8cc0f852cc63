//! Dynamic client registration (RFC 7591).

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use oauth2::{AuthorizationCode, PkceCodeVerifier};
use serde_json::{Value, json};
use url::Url;

use super::OAuthClient;
use super::authorize::redirect_url;
use super::error::{OAuthError, printable};
use super::http::{HttpClient, host_of};
use super::token::TokenClient;
use crate::loopback::RedirectUri;
use crate::secret::Secret;

/// What is no code of any server's; as long as a PKCE verifier has to be (RFC 7636 §4.1).
const NO_CODE: &str = "authsome-asks-whether-this-application-is-registered";

/// An application that has registered itself.
#[derive(Debug)]
pub struct Registration {
    /// Its id.
    pub client_id: String,
    /// Its secret; a public client, as it is asked for, has none.
    pub client_secret: Option<Secret<String>>,
    /// Whether the server wants the id and the secret in the `Authorization` field.
    pub basic: bool,
}

/// Registers a public client whose redirect URI is the loopback listener's. The resource that
/// tokens will be for is not named: some servers refuse a field that they do not know.
pub async fn register(
    endpoint: &Url,
    scopes: &[String],
    redirect: RedirectUri,
    http: &HttpClient,
) -> Result<Registration, OAuthError> {
    match registered(endpoint, scopes, redirect, http).await {
        // Some servers know no scope of a resource where applications register. Others give an
        // application that names none only their default scopes, so it is named first.
        Err(OAuthError::Refused { ref code, .. })
            if code == "invalid_client_metadata" && !scopes.is_empty() =>
        {
            registered(endpoint, &[], redirect, http).await
        }
        other => other,
    }
}

async fn registered(
    endpoint: &Url,
    scopes: &[String],
    redirect: RedirectUri,
    http: &HttpClient,
) -> Result<Registration, OAuthError> {
    let host = host_of(endpoint);
    let malformed = |reason: &str| OAuthError::Malformed {
        host: host.clone(),
        reason: reason.to_owned(),
    };
    let mut metadata = json!({
        "client_name": "authsome",
        // What a server allows of loopback addresses depends on it (OpenID Connect Dynamic Client
        // Registration §2).
        "application_type": "native",
        "redirect_uris": [redirect.as_str()],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    if !scopes.is_empty() {
        metadata["scope"] = Value::from(scopes.join(" "));
    }
    let mut request = Request::new(metadata.to_string().into_bytes());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint
        .as_str()
        .parse()
        .map_err(|_| malformed("its registration endpoint is no URL of HTTP"))?;
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    let response = http.exchange(request).await?;
    let status = response.status();
    let body = zeroize::Zeroizing::new(response.into_body());
    let found: Value = serde_json::from_slice(&body)
        .map_err(|_| malformed("its response to the registration is no JSON"))?;
    let text = |name: &str| found.get(name).and_then(Value::as_str);
    if !status.is_success() {
        return Err(OAuthError::Refused {
            host: host.clone(),
            code: printable(text("error").unwrap_or("registration refused")),
            description: text("error_description").map(printable),
        });
    }
    let client_id = text("client_id").filter(|id| !id.is_empty());
    let client_id = client_id.ok_or_else(|| malformed("it has registered no client_id"))?;
    let client_secret = text("client_secret").filter(|secret| !secret.is_empty());
    let method = text("token_endpoint_auth_method");
    // RFC 7591 §2: a server that says nothing means client_secret_basic.
    let basic =
        client_secret.is_some() && method.is_none_or(|found| found == "client_secret_basic");
    Ok(Registration {
        client_id: client_id.to_owned(),
        client_secret: client_secret.map(|secret| Secret::new(secret.to_owned())),
        basic,
    })
}

impl OAuthClient {
    /// Whether the server still knows the application. Only the token endpoint tells (RFC 6749
    /// §5.2): the authorization endpoint shows its error to the user and sends nobody back
    /// (§4.1.2.1). So it is asked with a code that nobody was given. Only `invalid_client` means
    /// no.
    pub async fn is_registered(&self, http: &HttpClient) -> bool {
        let client = self.client();
        let redirect = redirect_url(self.style.redirect);
        let request = client
            .exchange_code(AuthorizationCode::new(NO_CODE.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(NO_CODE.to_owned()))
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect));
        let asking = TokenClient::new(http, &self.style);
        let answer = request.request_async(&asking).await;
        let host = host_of(&self.token_endpoint);
        let refused = answer.map_err(|error| OAuthError::from_token_request(&host, error));
        !matches!(refused, Err(OAuthError::Refused { code, .. }) if code == "invalid_client")
    }
}
