//! The authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636). Each state is a type of its
//! own, and a step consumes what must not be used twice.
//!
//! ```text
//! begin ──▶ PendingAuthorization ── verify(response) ──┬──▶ Err: refused, still pending
//!                                                      └──▶ Ok(code) ── exchange ──▶ TokenSet
//! ```
//!
//! `verify` consumes the response; `exchange` consumes the request and the code.

use oauth2::{
    AuthUrl, AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use url::Url;

use super::OAuthClient;
use super::error::{OAuthError, printable};
use super::http::{HttpClient, host_of};
use super::token::{TokenClient, TokenSet};
use crate::defence::Defence;
use crate::loopback::RedirectUri;
use crate::secret::{Secret, random_text};

/// The length of `state`. Its 257 random bits are more than the 128 that RFC 6749 §10.12 and
/// §10.10 ask for.
const STATE_LENGTH: usize = 43;

/// An authorization request that has no accepted response yet. It holds the `state` and the PKCE
/// verifier. It is not `Clone`, because each of the two is good for one response only.
#[derive(Debug)]
pub struct PendingAuthorization {
    client: OAuthClient,
    url: Url,
    issuer: Option<String>,
    state: Secret<String>,
    verifier: PkceCodeVerifier,
}

/// The query of a redirect to our redirect URI (RFC 6749 §4.1.2).
#[derive(Debug, Default)]
pub struct AuthorizationResponse {
    code: Option<Secret<String>>,
    error: Option<String>,
    error_description: Option<String>,
    issuer: Option<String>,
    state: Option<String>,
}

/// Why a response is not accepted. After [`Self::Denied`] no other response will come; after any
/// other reason, the login keeps waiting for its response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseRefused {
    /// The authorization server, or the user, denied the request.
    #[error("the provider refused: {code}{}", .description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Denied {
        /// `access_denied`, `invalid_scope`, …
        code: String,
        /// The server's description of the error.
        description: Option<String>,
    },
    /// There is neither a code nor an error, or a parameter occurs twice.
    #[error("the redirect carries neither a code nor an error")]
    Incomplete,
    /// The response comes from another authorization server: a mix-up attack (RFC 9207 §2.4).
    #[error("the response is from {found}, but the login was sent to {expected}")]
    Issuer {
        /// The issuer that the request was sent to.
        expected: String,
        /// The issuer that the response names.
        found: String,
    },
    /// The response belongs to another request, or is forged: cross-site request forgery (RFC 6749
    /// §10.12).
    #[error("the state in the redirect is not that of this login")]
    State,
}

impl ResponseRefused {
    /// The server's code, if it has refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Denied { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl AuthorizationResponse {
    /// Reads the query of a redirect, as a browser brought it.
    pub fn from_redirect(query: &Secret<String>) -> Self {
        Self::parse(query.expose())
    }

    /// Reads the query of a redirect. A parameter that occurs twice makes the whole response
    /// unusable (RFC 6749 §3.1).
    pub(crate) fn parse(query: &str) -> Self {
        let mut response = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            let doubled = match &*name {
                "code" => response.code.replace(Secret::new(value)).is_some(),
                "error" => response.error.replace(printable(&value)).is_some(),
                "error_description" => response
                    .error_description
                    .replace(printable(&value))
                    .is_some(),
                "iss" => response.issuer.replace(value).is_some(),
                "state" => response.state.replace(value).is_some(),
                _ => false,
            };
            if doubled {
                return Self::default();
            }
        }
        response
    }

    /// The same from a whole URL that the user pastes.
    pub fn from_pasted(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        url.query().map(Self::parse)
    }
}

/// What has to be kept of a request whose response another process is given.
#[derive(Clone, Debug)]
pub struct SavedAuthorization {
    /// The request's `state`.
    pub state: Secret<String>,
    /// Its PKCE verifier (RFC 7636 §4.1).
    pub verifier: Secret<String>,
}

impl PendingAuthorization {
    /// Ends this process's part in the request.
    pub fn save(self) -> SavedAuthorization {
        SavedAuthorization {
            state: self.state,
            verifier: Secret::new(self.verifier.into_secret()),
        }
    }

    /// The request that another process has made.
    pub fn resume(
        client: OAuthClient,
        authorization_endpoint: &Url,
        issuer: Option<String>,
        saved: &SavedAuthorization,
    ) -> Self {
        Self {
            client,
            url: authorization_endpoint.clone(),
            issuer,
            state: saved.state.clone(),
            verifier: PkceCodeVerifier::new(saved.verifier.expose().clone()),
        }
    }

    /// Makes the authorization request, for which the user's browser is opened. PKCE always uses
    /// S256, also for confidential clients (RFC 9700 §2.1.1).
    pub fn begin(
        client: OAuthClient,
        authorization_endpoint: &Url,
        issuer: Option<String>,
        scopes: &str,
        extra: &[(String, String)],
    ) -> Result<Self, OAuthError> {
        let state = random_text(STATE_LENGTH)?;
        // The library would make the verifier with a random generator in user space. 43 characters
        // of this alphabet hold the 256 bits that RFC 7636 §7.1 asks for.
        let verifier = PkceCodeVerifier::new(random_text(STATE_LENGTH)?.expose().clone());
        let builder = client
            .client()
            .set_auth_uri(AuthUrl::from_url(authorization_endpoint.clone()));
        let redirect = redirect_url(client.style.redirect);
        let mut request = builder
            .authorize_url(|| CsrfToken::new(state.expose().clone()))
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        // Some servers want another separator than RFC 6749 §3.3 has.
        if !scopes.is_empty() {
            request = request.add_scope(Scope::new(scopes.to_owned()));
        }
        if let Some(resource) = &client.style.resource {
            request = request.add_extra_param("resource", resource);
        }
        for (name, value) in extra {
            request = request.add_extra_param(name, value);
        }
        let (url, _) = request.url();
        Ok(Self {
            client,
            url,
            issuer,
            state,
            verifier,
        })
    }

    /// The URL to open in the browser.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Checks that `response` belongs to this request, and takes the code out of it.
    pub fn verify(
        &self,
        response: AuthorizationResponse,
    ) -> Result<Secret<String>, ResponseRefused> {
        let state = response.state.unwrap_or_default();
        if !self.state.matches(state.as_bytes()) && Defence::LoginState.stands() {
            return Err(ResponseRefused::State);
        }
        if let (Some(found), Some(expected)) = (&response.issuer, &self.issuer)
            && found != expected
        {
            return Err(ResponseRefused::Issuer {
                expected: expected.clone(),
                found: printable(found),
            });
        }
        if let Some(code) = response.error {
            return Err(ResponseRefused::Denied {
                code,
                description: response.error_description,
            });
        }
        response
            .code
            .filter(|code| !code.expose().is_empty())
            .ok_or(ResponseRefused::Incomplete)
    }

    /// Exchanges the code for tokens. It consumes the request, so that its `state` and code cannot
    /// be used again.
    pub async fn exchange(
        self,
        code: Secret<String>,
        http: &HttpClient,
    ) -> Result<TokenSet, OAuthError> {
        let host = host_of(&self.client.token_endpoint);
        let redirect = redirect_url(self.client.style.redirect);
        let client = self.client.client();
        let mut request = client
            .exchange_code(AuthorizationCode::new(code.expose().clone()))
            .set_pkce_verifier(self.verifier)
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect));
        if let Some(resource) = &self.client.style.resource {
            request = request.add_extra_param("resource", resource);
        }
        let response = request
            .request_async(&TokenClient::new(http, &self.client.style))
            .await;
        let sent = [code.expose().as_str(), self.client.secret_text()];
        response
            .map_err(|error| OAuthError::from_token_request(&host, error).without(&sent))?
            .into_token_set(&host)
    }
}

/// The listener's.
pub(super) fn redirect_url(redirect: RedirectUri) -> RedirectUrl {
    RedirectUrl::new(redirect.as_str().to_owned()).expect("a constant URL is a URL")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn pending() -> PendingAuthorization {
        let client = OAuthClient {
            client_id: "id".to_owned(),
            client_secret: None,
            token_endpoint: Url::parse("https://gitlab.test/oauth/token").unwrap(),
            revocation_endpoint: None,
            style: crate::oauth::RequestStyle::default(),
        };
        let endpoint = Url::parse("https://gitlab.test/oauth/authorize").unwrap();
        let scopes = ["api".to_owned(), "read_user".to_owned()];
        let issuer = Some("https://gitlab.test".to_owned());
        PendingAuthorization::begin(client, &endpoint, issuer, &scopes.join(" "), &[]).unwrap()
    }

    fn parameters(pending: &PendingAuthorization) -> HashMap<String, String> {
        pending.url().query_pairs().into_owned().collect()
    }

    #[test]
    fn the_request_is_complete_and_fresh() {
        let first = pending();
        let query = parameters(&first);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], "id");
        assert_eq!(query["redirect_uri"], RedirectUri::Address.as_str());
        assert_eq!(query["scope"], "api read_user");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["code_challenge"].len(), 43);
        assert_eq!(first.verifier.secret().len(), 43);
        let second = parameters(&pending());
        assert_ne!(query["state"], second["state"]);
        assert_ne!(query["code_challenge"], second["code_challenge"]);
    }

    #[test]
    fn takes_only_its_own_response() {
        let pending = pending();
        let state = parameters(&pending)["state"].clone();
        let response = |query: String| {
            pending
                .verify(AuthorizationResponse::parse(&query))
                .map(|code| code.expose().clone())
        };
        assert_eq!(response(format!("code=c&state={state}")).unwrap(), "c");
        assert_eq!(
            response(format!("code=c&state={state}&iss=https://gitlab.test")).unwrap(),
            "c"
        );
        assert!(matches!(
            response(format!("code=c&state={state}&iss=https://evil.test")),
            Err(ResponseRefused::Issuer { .. })
        ));
        assert_eq!(
            response("code=c&state=other".to_owned()),
            Err(ResponseRefused::State)
        );
        assert_eq!(response("code=c".to_owned()), Err(ResponseRefused::State));
        assert_eq!(
            response(format!("error=access_denied&state={state}x")),
            Err(ResponseRefused::State)
        );
        assert!(matches!(
            response(format!("error=access_denied&state={state}")),
            Err(ResponseRefused::Denied { .. })
        ));
        assert_eq!(
            response(format!("state={state}")),
            Err(ResponseRefused::Incomplete)
        );
        assert_eq!(
            response(format!("code=&state={state}")),
            Err(ResponseRefused::Incomplete)
        );
        assert_eq!(
            response(format!("code=c&code=d&state={state}")),
            Err(ResponseRefused::State)
        );
    }

    #[test]
    fn a_pasted_url_is_read_like_a_redirect() {
        let response = AuthorizationResponse::from_pasted(
            " http://127.0.0.1:7998/auth/callback/oauth?code=c&state=s\n",
        );
        assert_eq!(response.unwrap().state.unwrap(), "s");
        assert!(AuthorizationResponse::from_pasted("hello").is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut pending = pending();
        pending.client.client_secret = Some(Secret::new("hunter2".to_owned()));
        let shown = format!("{pending:?}");
        // The state is part of the URL for the browser. It must be printed nowhere else.
        let query = pending.url().query().unwrap();
        assert!(shown.contains(query), "{shown}");
        let beside = shown.replace(query, "");
        for secret in [pending.state.expose(), pending.verifier.secret(), "hunter2"] {
            assert!(!beside.contains(secret), "{shown}");
        }
    }
}
