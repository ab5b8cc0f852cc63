//! The only table from a cause to an HTTP answer. Each answer says that it comes from authsome, why, and what to do.

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, PROXY_AUTHENTICATE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};

use super::response_body::ResponseBody;
use crate::connection::CredentialError;
use crate::credential::ConnectionId;
use crate::proxy::limits::STARVED_RETRY;
use crate::proxy::refusal::Refusal;
use crate::text;
use crate::tls::TlsRemedy;

/// The header by which a client, or a test, tells our answers from a provider's.
const ERROR_HEADER: HeaderName = HeaderName::from_static("authsome-error");

/// Status, code and the way out.
struct Answer {
    status: StatusCode,
    code: &'static str,
    hint: String,
}

/// The answer for a refusal.
pub(in crate::proxy) fn from_refusal(refusal: &Refusal) -> Response<ResponseBody> {
    let answer = answer(refusal);
    let body = serde_json::json!({
        "error": answer.code,
        "message": format!("authsome: {refusal}"),
        "hint": answer.hint,
    });
    let body = Bytes::from(format!("{}\n", text::json(&body.to_string())));
    let mut response = Response::new(ResponseBody::whole(body.clone()));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(ERROR_HEADER, HeaderValue::from_static(answer.code));
    match refusal {
        Refusal::ProxyAuthentication => {
            headers.insert(
                PROXY_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"authsome\""),
            );
        }
        Refusal::Credential(CredentialError::Unavailable { retry_after, .. }) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        Refusal::Starved { .. } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(STARVED_RETRY.as_secs()));
        }
        // A challenge that git does not know: a Basic one would make it ask for, and then erase, the user's own password.
        _ if answer.status == StatusCode::UNAUTHORIZED => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"authsome\""),
            );
        }
        _ => {}
    }
    response
}

fn answer(refusal: &Refusal) -> Answer {
    let (status, code, hint) = match refusal {
        Refusal::Abandoned => (
            StatusCode::BAD_REQUEST,
            "bad_request",
            "send the whole body".to_owned(),
        ),
        Refusal::AnotherOrigin => (
            StatusCode::FORBIDDEN,
            "denied",
            "have a program ask that is not a browser, or leave out Origin".to_owned(),
        ),
        Refusal::AnotherUser => (
            StatusCode::FORBIDDEN,
            "denied",
            "run the command as the user who started `authsome run`, without sudo".to_owned(),
        ),
        Refusal::Ambiguous(ids) => (StatusCode::FORBIDDEN, "denied", choose(ids)),
        Refusal::ConnectTimeout { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "check the host name and the network, or raise `connect_seconds` under [timeouts] of config.toml in authsome's home".to_owned(),
        ),
        Refusal::Credential(error) => return credential_answer(error),
        Refusal::Guarded { provider, rule, .. } => (
            StatusCode::FORBIDDEN,
            "denied",
            format!("to allow it, put \"{provider}/{rule}\" into `allow` under [guard] of config.toml in authsome's home"),
        ),
        Refusal::HeadTooLarge => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "bad_request",
            "send fewer headers, or shorter ones".to_owned(),
        ),
        Refusal::Loop => (StatusCode::FORBIDDEN, "denied", "connect to the service itself".to_owned()),
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "bad_request", "send the request in its plain form".to_owned()),
        Refusal::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "use another method".to_owned()),
        Refusal::Misdirected { .. } => (
            StatusCode::MISDIRECTED_REQUEST,
            "misdirected",
            "open a connection of its own for each host".to_owned(),
        ),
        Refusal::Placeholder(_) => (
            StatusCode::BAD_REQUEST,
            "placeholder",
            "leave the credential out, or send it where the provider's API expects it: authsome puts the real one in".to_owned(),
        ),
        Refusal::PlaceholderInClear => (StatusCode::FORBIDDEN, "denied", "use https".to_owned()),
        Refusal::ProxyAuthentication => (
            StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            "proxy_authentication_required",
            "use the proxy URL of the environment as it is, with its user name and password".to_owned(),
        ),
        Refusal::Starved { shortage, .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "resource_exhausted",
            shortage.hint().to_owned(),
        ),
        Refusal::Unmanaged(_) => (
            StatusCode::FORBIDDEN,
            "denied",
            "start the session with `authsome run --policy allow`, or connect the service with `authsome login`".to_owned(),
        ),
        Refusal::UpstreamMalformed { .. } => (
            StatusCode::BAD_GATEWAY,
            "upstream_malformed",
            "the provider's server is at fault, or whatever stands before it: tell its operator".to_owned(),
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
    Answer { status, code, hint }
}

fn tls_hint(remedy: TlsRemedy, connection: Option<&ConnectionId>) -> String {
    let login = |flags: &str| match connection {
        Some(id) => format!(
            "`authsome login {} --connection {} {flags} --force`",
            id.provider, id.name
        ),
        None => format!("`authsome login PROVIDER {flags} --force`"),
    };
    let hint = match remedy {
        TlsRemedy::Trust => {
            let login = login("--ca-file CA.pem");
            return format!("for a private CA, or a self-signed certificate: {login}");
        }
        TlsRemedy::ClientCertificate => {
            let login = login("--client-cert CERT.pem [--client-key KEY.pem]");
            return format!("with a certificate that the server takes: {login}");
        }
        TlsRemedy::Renewal => "have the server's certificate renewed; check this machine's clock",
        TlsRemedy::OtherAddress => "check the host's name and the port",
        TlsRemedy::Modern | TlsRemedy::ServerCertificate => {
            "ask the server's administrator: nothing here changes it"
        }
        _ => "check the host's name and the network",
    };
    hint.to_owned()
}

fn credential_answer(error: &CredentialError) -> Answer {
    let (status, code, hint) = match error {
        CredentialError::NeedsLogin { id, .. } => (
            StatusCode::UNAUTHORIZED,
            "needs_login",
            format!(
                "authsome login {} --connection {} --force",
                id.provider, id.name
            ),
        ),
        CredentialError::Removed { id } => (
            StatusCode::UNAUTHORIZED,
            "needs_login",
            format!("authsome login {} --connection {}", id.provider, id.name),
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
    Answer { status, code, hint }
}

fn choose(ids: &[String]) -> String {
    let first = ids
        .first()
        .and_then(|id| id.split_once('/'))
        .unwrap_or(("PROVIDER", "NAME"));
    format!(
        "choose one: `authsome run --connection {}={} -- …`",
        first.0, first.1
    )
}
