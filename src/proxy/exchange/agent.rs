//! The agent's API, `https://authsome.internal/`: what a program inside the run may reach, why a
//! request of it was refused, what waits for the user, and a way to ask the user for a login.
//!
//! It answers whoever may use the proxy, changes nothing, decides nothing, and has no secret.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Limited};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::respond::{self, ERROR_HEADER};
use super::response_body::ResponseBody;
use super::session::Session;
use crate::proxy::body::client::ClientBody;
use crate::proxy::limits::{AGENT_BODY_TIMEOUT, MAX_AGENT_BODY, MAX_REASON};
use crate::proxy::pending::{AgentApi, Wanted};
use crate::proxy::refusal::{Denial, Refusal};
use crate::text;

/// The name of the host that answers. `.internal` is reserved for names that are never delegated
/// in the public DNS.
pub(in crate::proxy) const AGENT_HOST: &str = "authsome.internal";

/// The version of the JSON. A field that joins does not change it.
const VERSION: u32 = 1;

/// The refusal where the API is off.
pub(in crate::proxy) fn off() -> Refusal {
    Refusal::Policy(Box::new(Denial {
        rule: "no-agent-api",
        reason: format!("{AGENT_HOST} is off in this session"),
        hint: "to turn it on, the user can start the run without --no-agent-api".to_owned(),
    }))
}

/// A status, and the value that is sent.
struct Reply(StatusCode, Value);

impl Reply {
    fn error(status: StatusCode, code: &str, message: &str, hint: &str) -> Self {
        let message = format!("authsome: {message}");
        Self(
            status,
            json!({ "error": code, "message": message, "hint": hint }),
        )
    }
}

/// Responds to one request to the API.
pub(in crate::proxy) async fn respond<S>(
    session: &Session<S>,
    request: Request<ClientBody>,
) -> Response<ResponseBody> {
    let Some(api) = &session.agent else {
        return respond::from_refusal(&off());
    };
    let (parts, body) = request.into_parts();
    // Whatever is said, so that the client can read it.
    let body = timeout(
        AGENT_BODY_TIMEOUT,
        Limited::new(body, MAX_AGENT_BODY).collect(),
    )
    .await;
    let body = body.ok().and_then(Result::ok).map(Collected::to_bytes);
    let reply = match (&parts.method, parts.uri.path()) {
        (&Method::GET | &Method::HEAD, "/") => Reply(StatusCode::OK, all(session, api)),
        (&Method::GET | &Method::HEAD, "/refused") => Reply(
            StatusCode::OK,
            json!({ "refused": session.pending.refused() }),
        ),
        (&Method::GET | &Method::HEAD, "/waiting") => Reply(
            StatusCode::OK,
            json!({ "waiting": session.pending.waiting() }),
        ),
        (&Method::GET | &Method::HEAD, "/requests") => Reply(
            StatusCode::OK,
            json!({ "requests": session.pending.wanted() }),
        ),
        (&Method::POST, "/requests") => want(session, &parts, body.as_deref()),
        (_, "/" | "/refused" | "/waiting" | "/requests") => Reply::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this is only read, but for POST /requests",
            "use GET",
        ),
        _ => Reply::error(
            StatusCode::NOT_FOUND,
            "not_found",
            "the agent's API has no such path",
            "see GET / for all of it; its paths are /refused, /waiting and /requests",
        ),
    };
    response(&reply)
}

/// All that it tells.
fn all<S>(session: &Session<S>, api: &AgentApi) -> Value {
    json!({
        "version": VERSION,
        "run": **api.facts(),
        "refused": session.pending.refused(),
        "waiting": session.pending.waiting(),
        "requests": session.pending.wanted(),
    })
}

/// What a program asks the user for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    provider: String,
    #[serde(default)]
    connection: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    reason: String,
}

fn want<S>(session: &Session<S>, parts: &Parts, body: Option<&[u8]>) -> Reply {
    // A web page that the run shows could send one too: it is told by its origin, and has to ask
    // before it sends JSON, to which nothing here says yes (CORS).
    let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_json =
        kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"application/json"));
    if parts.headers.contains_key(ORIGIN) || !is_json {
        let message = "a request to the user is JSON, and not from a web page";
        let hint = "send Content-Type: application/json, and no Origin";
        return Reply::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bad_request",
            message,
            hint,
        );
    }
    let Some(body) = body else {
        let message = "the body is too large, or broke off";
        return Reply::error(StatusCode::BAD_REQUEST, "bad_request", message, EXAMPLE);
    };
    let wanted = match serde_json::from_slice::<Wish>(body) {
        Ok(wish) => wish.checked(),
        Err(error) => Err(error.to_string()),
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => {
            let message = format!("this is no request to the user: {why}");
            return Reply::error(StatusCode::BAD_REQUEST, "bad_request", &message, EXAMPLE);
        }
    };
    match session.pending.want(wanted) {
        Ok(told) => Reply(StatusCode::ACCEPTED, json!(told)),
        Err(error) => Reply::error(
            StatusCode::TOO_MANY_REQUESTS,
            "limit",
            &error.to_string(),
            "do not ask again: tell the user in your own words",
        ),
    }
}

const EXAMPLE: &str = r#"send for example {"provider": "gitlab", "scopes": ["api"], "reason": "to open a merge request"}"#;

impl Wish {
    /// Names that can be typed behind `authsome login`, and a reason of one line.
    fn checked(self) -> Result<Wanted, String> {
        let provider: authsome_providers::ProviderId = self
            .provider
            .parse()
            .map_err(|_| "`provider` is no provider's name".to_owned())?;
        let connection: Option<crate::credential::ConnectionName> = self
            .connection
            .map(|name| name.parse())
            .transpose()
            .map_err(|_| "`connection` is no connection's name".to_owned())?;
        // RFC 6749 §3.3.
        let is_scope = |scope: &String| {
            let is_of_scope =
                |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',');
            !scope.is_empty() && scope.len() <= MAX_SCOPE && scope.bytes().all(is_of_scope)
        };
        if self.scopes.len() > MAX_SCOPES || !self.scopes.iter().all(is_scope) {
            return Err("`scopes` are no scopes".to_owned());
        }
        let reason: String = text::line(&self.reason).chars().take(MAX_REASON).collect();
        if reason.trim().is_empty() {
            return Err("`reason` says nothing".to_owned());
        }
        Ok(Wanted {
            id: 0,
            time: String::new(),
            provider: provider.to_string(),
            connection: connection.map(|name| name.to_string()),
            scopes: self.scopes,
            reason,
        })
    }
}

/// The most scopes of one request to the user, and the longest one.
const MAX_SCOPES: usize = 64;
const MAX_SCOPE: usize = 200;

fn response(Reply(status, value): &Reply) -> Response<ResponseBody> {
    let text = text::json(&value.to_string()).into_owned();
    let body = Bytes::from(format!("{text}\n"));
    let mut response = Response::new(ResponseBody::whole(body.clone()));
    *response.status_mut() = *status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(code) = value.get("error").and_then(Value::as_str)
        && let Ok(code) = HeaderValue::from_str(code)
    {
        headers.insert(ERROR_HEADER, code);
    }
    if *status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    response
}
