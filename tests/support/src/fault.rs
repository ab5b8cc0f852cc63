//! Misbehaviour on order.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use crate::oauth::OauthError;
use crate::response::{self, Body};
use crate::wire::Wire;

/// Which requests a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Every request.
    Any,
    /// `/api/…`.
    Api,
    /// `/….git/…`.
    Git,
    /// `GET /.well-known/openid-configuration`.
    Metadata,
    /// `POST /oauth/revoke`.
    Revoke,
    /// `POST /oauth/token`.
    Token,
}

impl Endpoint {
    /// The endpoint of a path below the relative root.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        match path {
            "/oauth/token" if method == Method::POST => Self::Token,
            "/oauth/revoke" if method == Method::POST => Self::Revoke,
            "/.well-known/openid-configuration" => Self::Metadata,
            _ if path.starts_with("/api/") => Self::Api,
            _ if path.contains(".git/") => Self::Git,
            _ => Self::Any,
        }
    }
}

/// One way to misbehave. "The effect" is what the request asks for: a rotation, a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No effect; the connection is closed without a response.
    Close,
    /// The effect; then the right length is announced, half of the body sent, and the connection
    /// closed.
    HalfBody,
    /// No effect; 200 with an HTML page, as a login wall in front would send.
    HtmlPage,
    /// No effect; 200 with 10 MiB of JSON.
    Huge,
    /// No effect; what a lagging database replica says: 400 `invalid_grant` from the OAuth
    /// endpoints, the bare 401 elsewhere.
    InvalidGrantOnce,
    /// The effect; then the connection is closed without a response.
    LostResponse,
    /// No effect; 200 with JSON that breaks off, its length announced as it is.
    MalformedJson,
    /// The effect; `expires_in` is missing in the response.
    NoExpiresIn,
    /// The effect; `refresh_token` is missing in the response. A refresh then keeps the refresh
    /// token that was used, as a server without rotation does.
    NoRefreshToken,
    /// No effect; a redirect (302) to this location.
    Redirect(String),
    /// No effect; 401 with these fields and this body.
    Refuse {
        /// Names and values.
        fields: Vec<(&'static str, &'static str)>,
        /// The body, with whatever coding the fields name.
        body: Vec<u8>,
    },
    /// No effect; the connection is reset (RST) without a response.
    Reset,
    /// The effect; the response in another spelling.
    Respell(Spelling),
    /// Waits, then effect and response.
    Stall(Duration),
    /// The effect, then waits, then the response.
    StallAfter(Duration),
    /// No effect; this status with a plain-text body.
    Status {
        /// The status code.
        code: u16,
        /// Seconds for `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The effect; `expires_in` is a string in the response.
    StringExpiresIn,
    /// The effect; then the whole body, and the connection is closed where more was promised: by
    /// a length that is too large, or else by chunks without the last one.
    Unended {
        /// By the length.
        by_length: bool,
    },
}

/// How a JSON response is spelled instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// Its status.
    pub status: u16,
    /// Its type.
    pub content_type: &'static str,
    /// What stands before it.
    pub before: &'static str,
    /// Fields that are others, or missing.
    pub fields: Vec<(&'static str, Option<Value>)>,
    /// As a form instead of JSON.
    pub form: bool,
}

impl Default for Spelling {
    fn default() -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            before: "",
            fields: Vec::new(),
            form: false,
        }
    }
}

/// A request that gets no response.
#[derive(Debug)]
pub(crate) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("dropped on order")
    }
}

impl Error for Dropped {}

impl Fault {
    /// What happens before the effect: a response in its place, nothing, or a cut connection.
    pub(crate) async fn before(
        &self,
        endpoint: Endpoint,
        wire: &Wire,
    ) -> Result<Option<Response<Body>>, Dropped> {
        let response = match self {
            Self::Close => {
                wire.close();
                return Err(Dropped);
            }
            Self::Reset => {
                wire.reset();
                return Err(Dropped);
            }
            Self::Stall(wait) => {
                tokio::time::sleep(*wait).await;
                return Ok(None);
            }
            Self::HtmlPage => response::html(StatusCode::OK, LOGIN_WALL.to_owned()),
            Self::Huge => huge(),
            Self::InvalidGrantOnce => lagging(endpoint),
            Self::MalformedJson => {
                response::with_body(StatusCode::OK, "application/json", Body::full(BROKEN_JSON))
            }
            Self::Redirect(location) => response::redirect(StatusCode::FOUND, location),
            Self::Refuse { fields, body } => refuse(fields, body),
            Self::Status { code, retry_after } => status(*code, *retry_after),
            _ => return Ok(None),
        };
        Ok(Some(response))
    }

    /// What happens to the response after the effect.
    pub(crate) async fn after(
        &self,
        response: Response<Body>,
        wire: &Wire,
    ) -> Result<Response<Body>, Dropped> {
        match self {
            Self::HalfBody => Ok(cut(response, |whole| (whole / 2, Some(whole))).await),
            Self::Unended { by_length } => {
                let announced = |whole| by_length.then_some(whole + 1);
                Ok(cut(response, |whole| (whole, announced(whole))).await)
            }
            Self::LostResponse => {
                wire.close();
                Err(Dropped)
            }
            Self::NoExpiresIn => Ok(edit(response, "expires_in", |_| None).await),
            Self::NoRefreshToken => Ok(edit(response, "refresh_token", |_| None).await),
            Self::Respell(spelling) => Ok(respell(response, spelling).await),
            Self::StallAfter(wait) => {
                tokio::time::sleep(*wait).await;
                Ok(response)
            }
            Self::StringExpiresIn => {
                Ok(edit(response, "expires_in", |old| Some(old.to_string().into())).await)
            }
            _ => Ok(response),
        }
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<(Endpoint, Fault, u32)>);

impl Faults {
    /// Orders `fault` for the next `times` requests to `endpoint`.
    pub(crate) fn order(&mut self, endpoint: Endpoint, fault: Fault, times: u32) {
        if times > 0 {
            self.0.push_back((endpoint, fault, times));
        }
    }

    /// Forgets what was ordered.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the first fault that is meant for `endpoint`.
    pub(crate) fn next(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let index = self
            .0
            .iter()
            .position(|(target, ..)| *target == Endpoint::Any || *target == endpoint)?;
        let (_, fault, times) = self.0.get_mut(index)?;
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            self.0.remove(index);
        }
        Some(fault)
    }
}

fn status(code: u16, retry_after: Option<u64>) -> Response<Body> {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response::text(code, "Retry later\n");
    if let Some(seconds) = retry_after {
        response::set(&mut response, RETRY_AFTER, &seconds.to_string());
    }
    response
}

fn refuse(fields: &[(&'static str, &'static str)], body: &[u8]) -> Response<Body> {
    let mut response = Response::new(Body::full(body.to_vec()));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    for (name, value) in fields {
        let value = HeaderValue::from_static(value);
        response.headers_mut().append(*name, value);
    }
    response
}

async fn respell(response: Response<Body>, spelling: &Spelling) -> Response<Body> {
    let whole = collect(response.into_body()).await;
    let mut object: Map<String, Value> = serde_json::from_slice(&whole).unwrap_or_default();
    for (name, value) in &spelling.fields {
        match value {
            Some(value) => object.insert((*name).to_owned(), value.clone()),
            None => object.remove(*name),
        };
    }
    let text = if spelling.form {
        let pair = |(name, value): (&String, &Value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", text.replace(' ', "+"))
        };
        object.iter().map(pair).collect::<Vec<_>>().join("&")
    } else {
        Value::Object(object).to_string()
    };
    let body = Body::full(format!("{}{text}", spelling.before));
    let status = StatusCode::from_u16(spelling.status).unwrap_or(StatusCode::OK);
    response::with_body(status, spelling.content_type, body)
}

fn lagging(endpoint: Endpoint) -> Response<Body> {
    match endpoint {
        Endpoint::Revoke | Endpoint::Token => OauthError::InvalidGrant.response(),
        Endpoint::Any | Endpoint::Api | Endpoint::Git | Endpoint::Metadata => {
            response::bare_unauthorized()
        }
    }
}

fn huge() -> Response<Body> {
    let mut body = br#"{"access_token":""#.to_vec();
    body.resize(HUGE, b'a');
    body.extend_from_slice(br#""}"#);
    response::with_body(StatusCode::OK, "application/json", Body::full(body))
}

/// Sends as much of a body, and announces as much, as its length is made into.
async fn cut(
    response: Response<Body>,
    sent_and_announced: impl FnOnce(usize) -> (usize, Option<usize>),
) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let whole = collect(body).await;
    let (sent, announced) = sent_and_announced(whole.len());
    parts.headers.remove(TRANSFER_ENCODING);
    parts.headers.remove(CONTENT_LENGTH);
    if let Some(announced) = announced {
        parts.headers.insert(CONTENT_LENGTH, announced.into());
    }
    let (mut sender, body) = Body::channel();
    tokio::spawn(async move {
        if sender.send_data(whole.slice(..sent)).await.is_ok() {
            // hyper flushes only while the body pends; an error at once would swallow what is sent.
            tokio::time::sleep(FLUSH).await;
            sender.abort(Box::new(Dropped));
        }
    });
    Response::from_parts(parts, body)
}

/// Changes one field of a JSON response; anything else passes as it is.
async fn edit(
    response: Response<Body>,
    field: &str,
    change: impl Fn(&Value) -> Option<Value>,
) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let whole = collect(body).await;
    let Ok(Value::Object(mut object)) = serde_json::from_slice(&whole) else {
        return Response::from_parts(parts, Body::full(whole));
    };
    if let Some(old) = object.remove(field)
        && let Some(new) = change(&old)
    {
        object.insert(field.to_owned(), new);
    }
    Response::from_parts(parts, Body::full(Value::Object(object).to_string()))
}

async fn collect(body: Body) -> Bytes {
    match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => Bytes::new(),
    }
}

/// What a single-sign-on portal in front of GitLab answers.
const LOGIN_WALL: &str = "<!DOCTYPE html><html><body>Please sign in</body></html>";
/// A token response that was cut, with a length that fits.
const BROKEN_JSON: &str = r#"{"access_token":"0123","refresh_tok"#;
/// Beyond what any client should hold of a token response.
const HUGE: usize = 10 * 1024 * 1024;
/// Long enough for hyper to hand half a body to the socket.
const FLUSH: Duration = Duration::from_millis(20);
