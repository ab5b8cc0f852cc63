//! The requests of authsome itself.

use authsome_providers::Post;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri};
use oauth2::HttpRequest;
use url::Url;

use super::OAuthError;
use crate::clock::Timestamp;
use crate::credential::ready::Ready;
use crate::credential::signature::{Scope, hash_of};
use crate::text::host_of;

/// Whether a challenge is for a bearer token.
pub(super) fn is_bearer(challenge: &str) -> bool {
    let scheme = challenge.split(' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer")
}

/// The first message of the Model Context Protocol. A server that wants a credential refuses it.
pub(super) fn first_message(resource: &Url) -> Result<HttpRequest, OAuthError> {
    let message = serde_json::json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "authsome", "version": env!("CARGO_PKG_VERSION") },
        },
    });
    let (_, mut request) = get(resource)?;
    *request.method_mut() = Method::POST;
    *request.body_mut() = message.to_string().into_bytes();
    let accepted = HeaderValue::from_static("application/json, text/event-stream");
    request.headers_mut().insert(ACCEPT, accepted);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    Ok(request)
}

/// A `GET` request for JSON, and its URL.
pub(super) fn get(url: &Url) -> Result<(Url, HttpRequest), OAuthError> {
    let (parts, _) = head(url)?;
    Ok((url.clone(), Request::from_parts(parts, Vec::new())))
}

/// A request to a resource that takes a credential.
pub(in crate::oauth) struct Question<'a> {
    pub(in crate::oauth) url: &'a Url,
    /// What is sent if it is asked by POST; `None` if by GET.
    pub(in crate::oauth) post: Option<&'a Post>,
    pub(in crate::oauth) credential: &'a Ready,
    /// What a credential that only signs signs for.
    pub(in crate::oauth) scope: Option<Scope>,
}

/// The request with its credential, which may be in the URL.
pub(super) fn asking(question: &Question<'_>) -> Result<(Url, HttpRequest), OAuthError> {
    let &Question {
        url,
        post,
        credential,
        ref scope,
    } = question;
    let (mut parts, target) = head(url)?;
    let mut body = Vec::new();
    if let Some(post) = post {
        parts.method = Method::POST;
        // Of a request without a body some servers want to be told so (RFC 9110 §8.6).
        let length = HeaderValue::from(post.body.len());
        parts.headers.insert(CONTENT_LENGTH, length);
        body.extend_from_slice(post.body.as_bytes());
        if let Some(content_type) = post.content_type {
            let content_type = HeaderValue::from_static(content_type);
            parts.headers.insert(CONTENT_TYPE, content_type);
        }
    }
    let is_put = match (credential, scope) {
        (Ready::Signed(key), Some(scope)) => {
            let (host, now) = (host_of(url), Timestamp::now().to_system_time());
            let hash = hash_of([body.as_slice()]);
            scope.sign(&mut parts, &host, key, Some(&hash), now).is_ok()
        }
        _ => credential.put(&mut parts, &target),
    };
    if !is_put {
        let reason = "its credential does not fit into a request";
        return Err(unfit(url, reason));
    }
    let sent = parts.uri.to_string().parse();
    let sent = sent.map_err(|_| unfit(url, "its credential does not fit into a URL"))?;
    Ok((sent, Request::from_parts(parts, body)))
}

fn head(url: &Url) -> Result<(Parts, Uri), OAuthError> {
    let target = url.as_str().parse::<Uri>();
    let target = target.map_err(|_| unfit(url, "its URL is none of HTTP"))?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::GET;
    parts.uri = target.clone();
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(ACCEPT, json);
    Ok((parts, target))
}

fn unfit(url: &Url, reason: &str) -> OAuthError {
    OAuthError::Malformed {
        host: host_of(url),
        reason: reason.to_owned(),
    }
}
