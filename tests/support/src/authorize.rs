//! The authorization endpoint, and the user in front of it.

use std::fmt::Write;
use std::net::IpAddr;

use http::{Response, StatusCode};
use url::Url;

use crate::call::Call;
use crate::grants::{Code, random_hex};
use crate::oauth::OauthError;
use crate::response::{self, Body};
use crate::token::is_subset;

/// What the user at the authorization page does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizeResponse {
    /// Approves at once, as one who approved before.
    #[default]
    Approve,
    /// Says no: `error=access_denied`.
    Deny,
    /// Is shown a page with a form whose only button approves.
    Page,
    /// Approves, and the response comes back with another `state`.
    WrongState,
}

/// `GET /oauth/authorize`.
pub(crate) fn ask(call: &Call) -> Response<Body> {
    let query: Vec<(String, String)> = url::form_urlencoded::parse(call.query().as_bytes())
        .into_owned()
        .collect();
    let asked = match Asked::parse(call, &query) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.response(call, &query),
    };
    match call.shared.authorize_response() {
        AuthorizeResponse::Approve => asked.approve(call, asked.state.as_deref()),
        AuthorizeResponse::Deny => back(call, &asked.redirect_uri, asked.state.as_deref(), &DENIED),
        AuthorizeResponse::Page => response::html(StatusCode::OK, page(call, &query)),
        AuthorizeResponse::WrongState => asked.approve(call, Some(&random_hex())),
    }
}

/// `POST /oauth/authorize`: the button on the page.
pub(crate) fn clicked(call: &Call) -> Response<Body> {
    match Asked::parse(call, &call.form) {
        Ok(asked) => asked.approve(call, asked.state.as_deref()),
        Err(refusal) => refusal.response(call, &call.form),
    }
}

/// A valid authorization request.
struct Asked {
    client_id: String,
    redirect_uri: String,
    scopes: String,
    challenge: Option<String>,
    state: Option<String>,
}

/// Why an authorization request is refused.
enum Refusal {
    /// RFC 6749 §4.1.2.1: with a wrong client or redirect URI nothing may be sent back.
    Page(&'static str),
    /// Anything else goes back to the client.
    Redirect(OauthError),
}

impl Asked {
    fn parse(call: &Call, query: &[(String, String)]) -> Result<Self, Refusal> {
        let value = |wanted| parameter(query, wanted);
        let client_id = value("client_id").unwrap_or_default();
        if call.shared.grants().app(client_id).is_none() {
            return Err(Refusal::Page(
                "Client authentication failed due to unknown client.",
            ));
        }
        let redirect_uri = value("redirect_uri").unwrap_or_default();
        if !redirect_fits(redirect_uri) {
            return Err(Refusal::Page("The redirect URI included is not valid."));
        }
        if value("response_type") != Some("code") {
            return Err(Refusal::Redirect(OauthError::UnsupportedResponseType));
        }
        // Without `scope` GitLab falls back to the instance's default.
        let scopes = value("scope").unwrap_or("api");
        if !is_subset(scopes, APP_SCOPES) {
            return Err(Refusal::Redirect(OauthError::InvalidScope));
        }
        let challenge = value("code_challenge");
        if challenge.is_some() && value("code_challenge_method") != Some("S256") {
            return Err(Refusal::Redirect(OauthError::InvalidRequest));
        }
        Ok(Self {
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            scopes: scopes.to_owned(),
            challenge: challenge.map(ToOwned::to_owned),
            state: value("state").map(ToOwned::to_owned),
        })
    }

    fn approve(&self, call: &Call, state: Option<&str>) -> Response<Body> {
        let code = call.shared.grants().remember(Code {
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scopes: self.scopes.clone(),
            challenge: self.challenge.clone(),
        });
        back(call, &self.redirect_uri, state, &[("code", &code)])
    }
}

impl Refusal {
    fn response(&self, call: &Call, query: &[(String, String)]) -> Response<Body> {
        match self {
            Self::Page(reason) => {
                let page = format!(
                    "<!DOCTYPE html><html><body>An error has occurred: {reason}</body></html>"
                );
                response::html(StatusCode::BAD_REQUEST, page)
            }
            Self::Redirect(error) => {
                let words = [
                    ("error", error.code()),
                    ("error_description", error.description()),
                ];
                let redirect_uri = parameter(query, "redirect_uri").unwrap_or_default();
                back(call, redirect_uri, parameter(query, "state"), &words)
            }
        }
    }
}

/// Sends the browser back to the client.
fn back(
    call: &Call,
    redirect_uri: &str,
    state: Option<&str>,
    words: &[(&str, &str)],
) -> Response<Body> {
    let Ok(mut url) = Url::parse(redirect_uri) else {
        return response::not_found();
    };
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(words);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        // RFC 9207: in error responses as well.
        if let Some(issuer) = &call.shared.settings.issuer {
            query.append_pair("iss", issuer);
        }
    }
    response::redirect(StatusCode::FOUND, url.as_str())
}

fn page(call: &Call, query: &[(String, String)]) -> String {
    let root = &call.shared.settings.root;
    let mut inputs = String::new();
    for (name, value) in query {
        let (name, value) = (escape(name), escape(value));
        // Writing into a String cannot fail.
        let _ = writeln!(
            inputs,
            "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
        );
    }
    format!(
        "<!DOCTYPE html><html><head><title>Authorize</title></head><body>\n\
         <form method=\"post\" action=\"{root}/oauth/authorize\">\n{inputs}\
         <button type=\"submit\">Authorize</button>\n</form></body></html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn parameter<'a>(query: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(name, value)| name == wanted && !value.is_empty())
        .map(|(_, value)| value.as_str())
}

/// Doorkeeper's comparison: exact, except that a loopback IP literal matches with any port.
fn redirect_fits(given: &str) -> bool {
    if [REDIRECT_URI, LOCALHOST_URI].contains(&given) {
        return true;
    }
    let (Ok(given), Ok(registered)) = (Url::parse(given), Url::parse(REDIRECT_URI)) else {
        return false;
    };
    let loopback = given
        .host_str()
        .and_then(|host| host.parse::<IpAddr>().ok())
        .is_some_and(|address| address.is_loopback());
    loopback
        && given.scheme() == registered.scheme()
        && given.host_str() == registered.host_str()
        && given.path() == registered.path()
        && given.query() == registered.query()
        && given.fragment().is_none()
}

/// The redirect URIs of every registered application.
const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";
const LOCALHOST_URI: &str = "http://localhost:7998/auth/callback/oauth";
/// The scopes of every registered application.
const APP_SCOPES: &str =
    "api read_user profile email read_repository write_repository openid read_api";
/// What comes back from a user who says no.
const DENIED: [(&str, &str); 2] = [
    ("error", "access_denied"),
    (
        "error_description",
        "The resource owner or authorization server denied the request.",
    ),
];

#[cfg(test)]
mod tests {
    use super::redirect_fits;

    #[test]
    fn a_redirect_uri_is_exact_but_for_a_loopback_port() {
        assert!(redirect_fits("http://127.0.0.1:7998/auth/callback/oauth"));
        assert!(redirect_fits("http://127.0.0.1:41000/auth/callback/oauth"));
        assert!(redirect_fits("http://localhost:7998/auth/callback/oauth"));
        assert!(!redirect_fits("http://localhost:41000/auth/callback/oauth"));
        assert!(!redirect_fits("http://127.0.0.1:7998/auth/callback"));
        assert!(!redirect_fits("https://127.0.0.1:7998/auth/callback/oauth"));
        assert!(!redirect_fits("http://evil.test:7998/auth/callback/oauth"));
    }
}
