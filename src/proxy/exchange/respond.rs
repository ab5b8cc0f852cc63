//! The only place that turns a cause into an HTTP response. Each response says that it comes from
//! authsome, why, and what to do.

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, PROXY_AUTHENTICATE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};

use super::response_body::ResponseBody;
use crate::connection::CredentialError;
use crate::credential::ConnectionId;
use crate::net::tls::TlsRemedy;
use crate::proxy::limits::STARVED_RETRY;
use crate::proxy::refusal::Refusal;
use crate::text;

/// The field by which a client, or a test, distinguishes authsome's responses from a provider's.
const ERROR_HEADER: HeaderName = HeaderName::from_static("authsome-error");

/// Status, error code, and what to do.
struct ErrorResponse {
    status: StatusCode,
    code: &'static str,
    hint: String,
}

/// The response for a refusal.
pub(in crate::proxy) fn from_refusal(refusal: &Refusal) -> Response<ResponseBody> {
    let error = error_response(refusal);
    let body = serde_json::json!({
        "error": error.code,
        "message": format!("authsome: {refusal}"),
        "hint": error.hint,
    });
    let body = Bytes::from(format!("{}\n", text::json(&body.to_string())));
    let mut response = Response::new(ResponseBody::whole(body.clone()));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(ERROR_HEADER, HeaderValue::from_static(error.code));
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
        // Bearer is a challenge that git does not know. A Basic challenge would make git ask for
        // the user's own password, and then erase it.
        _ if error.status == StatusCode::UNAUTHORIZED => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"authsome\""),
            );
        }
        _ => {}
    }
    response
}

fn error_response(refusal: &Refusal) -> ErrorResponse {
    let (status, code, hint) = match refusal {
        Refusal::Abandoned => (
            StatusCode::BAD_REQUEST,
            "bad_request",
            "send the whole body".to_owned(),
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
        Refusal::ConnectTimeout { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "check the host name and the network, or raise `connect_seconds` under [timeouts] of config.toml in authsome's home".to_owned(),
        ),
        Refusal::Credential(error) => return credential_response(error),
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
        TlsRemedy::Renewal => "renew the server's certificate, or check this machine's clock",
        TlsRemedy::OtherAddress => "check the host's name and the port",
        TlsRemedy::Modern | TlsRemedy::ServerCertificate => {
            "ask the server's administrator: it cannot be changed here"
        }
        _ => "check the host's name and the network",
    };
    hint.to_owned()
}

fn credential_response(error: &CredentialError) -> ErrorResponse {
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
    ErrorResponse { status, code, hint }
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

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::time::Duration;

    use authsome_test_support::assert_words;

    use super::*;
    use crate::credential::ConnectionId;
    use crate::net::dial::Shortage;
    use crate::net::tls::TlsTrouble;

    fn host() -> String {
        "gitlab.com:443".to_owned()
    }

    fn reason() -> String {
        "connection refused".to_owned()
    }

    fn credentials() -> [CredentialError; 4] {
        let id = || ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: "work".parse().unwrap(),
        };
        [
            CredentialError::NeedsLogin {
                id: id(),
                reason: "gitlab.com refused: invalid_grant".to_owned(),
            },
            CredentialError::Removed { id: id() },
            CredentialError::Unavailable {
                id: id(),
                reason: "gitlab.com answered 503".to_owned(),
                retry_after: Duration::from_secs(5),
            },
            CredentialError::Vault { reason: reason() },
        ]
    }

    fn of_the_request() -> Vec<Refusal> {
        let ids = ["gitlab/home", "gitlab/work"].map(str::to_owned);
        vec![
            Refusal::Abandoned,
            Refusal::Ambiguous(ids.to_vec()),
            Refusal::AnotherOrigin,
            Refusal::AnotherUser,
            Refusal::Guarded {
                provider: "gitlab".to_owned(),
                rule: "deploy-key".to_owned(),
                reason: "it makes a credential that outlives the session".to_owned(),
            },
            Refusal::HeadTooLarge,
            Refusal::Loop,
            Refusal::Malformed("the request has two lengths"),
            Refusal::Method("TRACE"),
            Refusal::Misdirected {
                expected: host(),
                found: "example.com:443".to_owned(),
            },
            Refusal::Placeholder("the path"),
            Refusal::PlaceholderInClear,
            Refusal::ProxyAuthentication,
            Refusal::Starved {
                host: host(),
                shortage: Shortage::OpenFiles { most: 1024 },
            },
            Refusal::Unmanaged("example.com:443".to_owned()),
        ]
    }

    fn of_the_provider() -> Vec<Refusal> {
        let (host, seconds) = (host(), 30);
        vec![
            Refusal::ConnectTimeout {
                host: host.clone(),
                seconds,
            },
            Refusal::UpstreamMalformed {
                host: host.clone(),
                reason: "its response has two lengths".to_owned(),
            },
            Refusal::UpstreamTimeout {
                host: host.clone(),
                seconds,
            },
            Refusal::UpstreamTls {
                host: host.clone(),
                trouble: TlsTrouble::from("it broke off".to_owned()),
                connection: None,
            },
            Refusal::UpstreamUnreachable {
                host,
                reason: reason(),
            },
        ]
    }

    /// The variant's name, and the response as it goes to the client.
    fn shown(refusals: &[Refusal]) -> String {
        let mut text = String::new();
        for refusal in refusals {
            let debug = format!("{refusal:?}");
            let name = debug.split([' ', '(']).next().unwrap();
            let (parts, body) = from_refusal(refusal).into_parts();
            let ResponseBody::Whole(Some(body)) = &body else {
                panic!("{name} has no body");
            };
            writeln!(text, "Refusal::{name}\nHTTP/1.1 {}", parts.status).unwrap();
            for (name, value) in &parts.headers {
                writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
            writeln!(text, "\n{}", String::from_utf8(body.to_vec()).unwrap()).unwrap();
        }
        text
    }

    #[test]
    fn refusals_of_what_a_client_sends() {
        assert_words!("refusals", "request", shown(&of_the_request()));
    }

    #[test]
    fn refusals_for_want_of_a_provider() {
        assert_words!("refusals", "upstream", shown(&of_the_provider()));
    }

    #[test]
    fn refusals_for_want_of_a_credential() {
        let refusals = credentials().map(Refusal::Credential);
        assert_words!("refusals", "credential", shown(&refusals));
    }

    #[test]
    fn what_helps_against_a_handshake_that_fails() {
        let remedies = [
            TlsRemedy::ClientCertificate,
            TlsRemedy::Modern,
            TlsRemedy::OtherAddress,
            TlsRemedy::Renewal,
            TlsRemedy::ServerCertificate,
            TlsRemedy::Trust,
            TlsRemedy::Unknown,
        ];
        let hints = remedies.map(|remedy| format!("{remedy:?}: {}\n", tls_hint(remedy, None)));
        assert_words!("refusals", "tls_hints", hints.concat());
    }
}
