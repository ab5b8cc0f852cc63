//! The only place that turns a cause into an HTTP response. Each response says that it comes from
//! authsome, why, and what to do.

mod fields;
mod hint;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Response, StatusCode};

use self::hint::{ask_user, budget_hint, choose, tls_hint};
use super::response_body::ResponseBody;
use crate::connection::CredentialError;
use crate::proxy::policy::git_push::RESULT_TYPE;
use crate::proxy::refusal::Refusal;
use crate::text;

/// The field by which a client, or a test, distinguishes authsome's responses from a provider's.
pub(super) const ERROR_HEADER: HeaderName = HeaderName::from_static("authsome-error");

/// Status, error code, and what to do.
struct ErrorResponse {
    status: StatusCode,
    code: &'static str,
    hint: String,
}

/// What a client shows to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// For programs, agents among them.
    Json,
    /// git prints a text behind `remote:`, and nothing of another type.
    Text,
}

/// The response for a refusal.
pub(in crate::proxy) fn from_refusal(refusal: &Refusal) -> Response<ResponseBody> {
    response(refusal, Format::Json)
}

/// The same in a format that the client shows to its user, if it shows any; `headers` are those of
/// its request.
pub(super) fn to_client(refusal: &Refusal, headers: &HeaderMap) -> Response<ResponseBody> {
    let format = if is_git(headers) {
        Format::Text
    } else {
        Format::Json
    };
    response(refusal, format)
}

/// Whether git itself sent the request. `http.userAgent` may have changed its name; then it is
/// known by what it asks for. git-lfs has another name, and reads JSON.
fn is_git(headers: &HeaderMap) -> bool {
    let begins = |name: HeaderName, start: &[u8]| {
        let value = headers.get(name).map(HeaderValue::as_bytes);
        value.is_some_and(|value| value.starts_with(start))
    };
    begins(USER_AGENT, b"git/")
        || begins(ACCEPT, b"application/x-git-")
        || headers.contains_key("git-protocol")
}

fn response(refusal: &Refusal, format: Format) -> Response<ResponseBody> {
    if let Refusal::Push {
        report: Some(report),
        ..
    } = refusal
    {
        return reported(report.clone());
    }
    let error = error_response(refusal);
    let message = format!("authsome: {refusal}");
    let (kind, body) = match format {
        Format::Json => {
            let body = serde_json::json!({
                "error": error.code,
                "message": message,
                "hint": error.hint,
            });
            let body = format!("{}\n", text::json(&body.to_string()));
            ("application/json", body)
        }
        Format::Text => {
            let (message, hint) = (text::line(&message), text::line(&error.hint));
            (
                "text/plain; charset=utf-8",
                format!("{message}\nhint: {hint}\n"),
            )
        }
    };
    let body = Bytes::from(body);
    let mut response = Response::new(ResponseBody::whole(body.clone()));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(ERROR_HEADER, HeaderValue::from_static(error.code));
    fields::add(headers, refusal, error.status);
    response
}

/// A push that is refused, in git's own words: it is printed like what a server's hook says.
fn reported(report: Bytes) -> Response<ResponseBody> {
    let length = report.len();
    let mut response = Response::new(ResponseBody::whole(report));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(RESULT_TYPE));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ERROR_HEADER, HeaderValue::from_static("denied"));
    response
}

/// The status, the code and the hint of the response for a refusal.
pub(in crate::proxy) fn told(refusal: &Refusal) -> (StatusCode, &'static str, String) {
    let ErrorResponse { status, code, hint } = error_response(refusal);
    (status, code, hint)
}

fn error_response(refusal: &Refusal) -> ErrorResponse {
    let (status, code, hint) = match refusal {
        Refusal::Abandoned => (
            StatusCode::BAD_REQUEST,
            "bad_request",
            "send the whole body".to_owned(),
        ),
        Refusal::Address { host, .. } => (
            StatusCode::FORBIDDEN,
            "denied",
            format!("to permit it, the user can start the run with --allow-host {host}"),
        ),
        Refusal::AnotherOrigin => (
            StatusCode::FORBIDDEN,
            "denied",
            "send the request from a program that is not a browser, or without Origin".to_owned(),
        ),
        Refusal::AnotherUser => (
            StatusCode::FORBIDDEN,
            "denied",
            "run the command as the user who started `authsome run`, without sudo".to_owned(),
        ),
        Refusal::Ambiguous(ids) => (StatusCode::FORBIDDEN, "denied", choose(ids)),
        Refusal::Budget { again, .. } => (StatusCode::TOO_MANY_REQUESTS, "limit", budget_hint(*again)),
        Refusal::ConnectTimeout { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "check the host name and the network, or raise `connect_seconds` under [timeouts] of config.toml in authsome's home".to_owned(),
        ),
        Refusal::Credential(error) => return credential_response(error),
        Refusal::Guarded { provider, rule, .. } => (
            StatusCode::FORBIDDEN,
            "denied",
            format!("to allow it from the next run on, the user can type: authsome allow {provider}/{rule}"),
        ),
        Refusal::HeadTooLarge => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "bad_request",
            "send fewer headers, or shorter ones".to_owned(),
        ),
        Refusal::Loop => (StatusCode::FORBIDDEN, "denied", "connect to the service itself".to_owned()),
        // 307 keeps the method and the body (RFC 9110 §15.4.8): git-lfs asks by POST.
        Refusal::Moved(_) => (
            StatusCode::TEMPORARY_REDIRECT,
            "moved",
            "follow the redirect, or use that address".to_owned(),
        ),
        Refusal::NotSignable(_) => (
            StatusCode::FORBIDDEN,
            "denied",
            "sign it with the placeholder keys, as the AWS SDKs do; for a large body, send its hash".to_owned(),
        ),
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "bad_request", "send the request in its usual form".to_owned()),
        Refusal::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use another method".to_owned()),
        Refusal::Misdirected { .. } => (
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "open a separate connection for each host".to_owned(),
        ),
        Refusal::Placeholder(_) => (
            StatusCode::BAD_REQUEST,
            "placeholder",
            "leave the credential out, or send it where the provider's API expects it: authsome puts the real one in".to_owned(),
        ),
        Refusal::Push { advice, .. } => (StatusCode::FORBIDDEN, "denied", advice.clone()),
        Refusal::Policy(denial) => (StatusCode::FORBIDDEN, "denied", denial.hint.clone()),
        Refusal::PlaceholderInClear => (StatusCode::FORBIDDEN, "denied", "use https".to_owned()),
        Refusal::ProxyAuthentication => (
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            "proxy_authentication_required",
            "use the proxy URL of the environment as it is, with its user name and password".to_owned(),
        ),
        Refusal::SshWithoutCredential(_) => (StatusCode::FORBIDDEN, "denied", "use the repository's https address".to_owned()),
        Refusal::Starved { shortage, .. } => (StatusCode::SERVICE_UNAVAILABLE, "resource_exhausted", shortage.hint().to_owned()),
        Refusal::Unmanaged(_) => (
            StatusCode::FORBIDDEN,
            "denied",
            "start the session with `authsome run --policy allow`, or connect the service with `authsome login`".to_owned(),
        ),
        Refusal::UpstreamMalformed { .. } => (
            StatusCode::BAD_GATEWAY,
            "upstream_malformed",
            "the provider's server, or a proxy in front of it, is at fault: tell its operator".to_owned(),
        ),
        Refusal::UpstreamTls { trouble, connection, .. } => (
            StatusCode::BAD_GATEWAY,
            "upstream_tls",
            tls_hint(trouble.remedy, connection.as_ref()),
        ),
        Refusal::UpstreamTimeout { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "try again, or raise `response_seconds` under [timeouts] of config.toml in authsome's home".to_owned(),
        ),
        Refusal::UpstreamUnreachable { .. } => {
            (StatusCode::BAD_GATEWAY, "upstream_unreachable", "check the host name and the network".to_owned())
        }
    };
    ErrorResponse { status, code, hint }
}

fn credential_response(error: &CredentialError) -> ErrorResponse {
    let (status, code, hint) = match error {
        CredentialError::NeedsLogin { id, .. } => (
            StatusCode::UNAUTHORIZED,
            "needs_login",
            ask_user(&format!(
                "authsome login {} --connection {} --force",
                id.provider, id.name
            )),
        ),
        CredentialError::Moved { .. } => (
            StatusCode::UNAUTHORIZED,
            "connection_moved",
            "this run goes on without the connection; tell the user, who can start another run"
                .to_owned(),
        ),
        CredentialError::Removed { id } => (
            StatusCode::UNAUTHORIZED,
            "needs_login",
            ask_user(&format!(
                "authsome login {} --connection {}",
                id.provider, id.name
            )),
        ),
        CredentialError::Unavailable { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "refresh_unavailable",
            "try again after Retry-After".to_owned(),
        ),
        CredentialError::Vault { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "vault_unavailable",
            "see `authsome list` for what is wrong with the vault".to_owned(),
        ),
    };
    ErrorResponse { status, code, hint }
}

#[cfg(test)]
mod tests;
