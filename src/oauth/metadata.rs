//! Whether a server is the authorization server that a definition describes: by its metadata (RFC
//! 8414 §3, `OpenID` Connect Discovery §4), or else by how its token endpoint refuses an empty
//! request (RFC 6749 §5.2).
//!
//! ```text
//! metadata ── names our token endpoint ──→ ByMetadata
//!    │    └── names another one ─────────→ Other
//!    └ none ──→ token endpoint ── an OAuth error, or no entry ──→ Hidden
//!                      └──────── a page, nothing, a redirect ──→ Other
//! ```

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use serde_json::Value;
use url::Url;

use super::error::OAuthError;
use super::http::HttpClient;
use crate::text::host_of;
use crate::waiting::at_most;

/// How long the whole check may take: the user waits for it before anything is shown.
const CHECK_TIMEOUT: Duration = Duration::from_secs(20);

/// How many segments at the end of the token endpoint's path have to be the same. What stands
/// before them is where the server is installed, which it may call something else behind a proxy.
const COMPARED_SEGMENTS: usize = 2;

/// The statuses of a path that has no token endpoint.
const NOT_THERE: [u16; 3] = [404, 405, 410];

/// What a server turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognized {
    /// The one that is described, by its own metadata.
    ByMetadata,
    /// An authorization server whose metadata cannot be read, for this reason.
    Hidden(String),
    /// Something else, for this reason.
    Other(String),
}

/// Asks the server what it is. An error means that it cannot be reached, or is not trusted.
pub async fn recognize(
    http: &HttpClient,
    metadata: &Url,
    token_endpoint: &Url,
) -> Result<Recognized, OAuthError> {
    let asked = Box::pin(ask(http, metadata, token_endpoint));
    let answered = at_most(CHECK_TIMEOUT, asked).await;
    answered.unwrap_or_else(|| {
        Err(OAuthError::Timeout {
            host: host_of(token_endpoint),
            sent: false,
        })
    })
}

async fn ask(
    http: &HttpClient,
    metadata: &Url,
    token_endpoint: &Url,
) -> Result<Recognized, OAuthError> {
    let why_hidden = match http.get_json(metadata).await {
        Ok(document) => match named_token_endpoint(&document) {
            Some(named) => return Ok(compare(&named, token_endpoint)),
            None => format!("{} has metadata of another kind", host_of(metadata)),
        },
        Err(error) if error.is_unreachable() => return Err(error),
        Err(error) => error.to_string(),
    };
    let host = host_of(token_endpoint);
    match http.exchange(empty_request(token_endpoint)).await {
        Ok(response) if NOT_THERE.contains(&response.status().as_u16()) => {
            let status = response.status().as_u16();
            let reason = format!("{host} responded with {status}");
            Ok(Recognized::Other(reason))
        }
        Err(error) if error.is_unreachable() => Err(error),
        Err(
            error @ (OAuthError::NotJson {
                status: 200..=299 | 404 | 405 | 410,
                ..
            }
            | OAuthError::Redirected { .. }),
        ) => Ok(Recognized::Other(error.to_string())),
        // It refuses the request as a token endpoint does, or somebody whom it does not know, or it
        // is out of order: the login will show.
        Ok(_) | Err(_) => Ok(Recognized::Hidden(why_hidden)),
    }
}

fn named_token_endpoint(document: &Value) -> Option<Url> {
    let named = document.get("token_endpoint")?.as_str()?;
    Url::parse(named).ok()
}

fn compare(named: &Url, expected: &Url) -> Recognized {
    let end = |url: &Url| -> Vec<String> {
        let segments = url.path().rsplit('/').take(COMPARED_SEGMENTS);
        segments.map(str::to_owned).collect()
    };
    if end(named) == end(expected) {
        return Recognized::ByMetadata;
    }
    let (host, path) = (host_of(named), named.path());
    Recognized::Other(format!("its token endpoint is {host}{path}"))
}

/// A request that no token endpoint can grant, and that changes nothing.
fn empty_request(token_endpoint: &Url) -> Request<Vec<u8>> {
    let mut request = Request::new(b"grant_type=".to_vec());
    *request.method_mut() = Method::POST;
    if let Ok(uri) = token_endpoint.as_str().parse() {
        *request.uri_mut() = uri;
    }
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_token_endpoint() {
        let expected = Url::parse("https://git.acme.com/gl/oauth/token").unwrap();
        for (named, is_known) in [
            ("https://git.acme.com/gl/oauth/token", true),
            ("https://gitlab.internal/oauth/token", true),
            (
                "https://git.acme.com/realms/x/protocol/openid-connect/token",
                false,
            ),
            ("https://git.acme.com/login/oauth/access_token", false),
        ] {
            let found = compare(&Url::parse(named).unwrap(), &expected);
            assert_eq!(found == Recognized::ByMetadata, is_known, "{named}");
        }
    }
}
