//! How a server reads a client's bytes.

use std::cell::RefCell;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::script::{Script, Strings};
use crate::proxy::http1::serve;
use crate::proxy::message::body::scripted::Frames;

/// Fields sorted by name; those with the same name in the order in which they came.
pub(super) type Fields = Vec<(String, Vec<u8>)>;

/// A body's bytes and trailers; `None` if it is not complete.
pub(super) type Whole = Option<(Vec<u8>, Fields)>;

/// The requests that a server has accepted, and whether it has refused what follows.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) requests: Vec<Seen>,
    pub(super) refuses: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: http::Version,
    pub(super) fields: Fields,
    pub(super) body: Whole,
}

impl Verdict {
    pub(super) fn is_acceptance(&self) -> bool {
        let first = self.requests.first();
        first.is_some_and(|first| first.body.is_some() && first.target != "/next")
    }
}

/// The response to each request of a script. Neither server sends this status by itself.
const RESPONSE: StatusCode = StatusCode::NOT_FOUND;

pub(super) async fn ours(wire: &[u8]) -> Verdict {
    let (script, strings) = Script::of_client(wire);
    let requests = RefCell::new(Vec::new());
    let response = |status| {
        let mut response = Response::new(Frames::default());
        *response.status_mut() = status;
        response
    };
    let respond = |request, _, _| async {
        let seen = Seen::of(request).await;
        requests.borrow_mut().push(seen);
        response(RESPONSE)
    };
    serve(script, respond, |_| response(StatusCode::BAD_REQUEST)).await;
    Verdict {
        requests: requests.into_inner(),
        refuses: has_refused(&strings),
    }
}

pub(super) async fn hypers(wire: &[u8]) -> Verdict {
    let (script, strings) = Script::of_client(wire);
    let requests = RefCell::new(Vec::new());
    let service = service_fn(|request: Request<hyper::body::Incoming>| async {
        let seen = Seen::of(request).await;
        requests.borrow_mut().push(seen);
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = RESPONSE;
        Ok::<_, std::convert::Infallible>(response)
    });
    let served = hyper::server::conn::http1::Builder::new()
        .half_close(true) // the script's end must not abort its requests
        .serve_connection(TokioIo::new(script), service)
        .await;
    let is_refusal = |error: &hyper::Error| error.is_parse() || error.is_parse_too_large();
    Verdict {
        refuses: has_refused(&strings) || served.is_err_and(|error| is_refusal(&error)),
        requests: requests.into_inner(),
    }
}

/// Whether a server has sent a 4xx of its own, to bytes that did not become a request.
fn has_refused(strings: &Strings) -> bool {
    let told = strings.told.lock().unwrap();
    let own = RESPONSE.as_str().as_bytes();
    told.windows(12).any(|head| {
        head.starts_with(b"HTTP/1.") && head.ends_with(own) != head[9..].starts_with(b"4")
    })
}

impl Seen {
    async fn of<B: Body<Data = Bytes>>(request: Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            version: parts.version,
            fields: fields(&parts.headers),
            body: whole(body).await,
        }
    }
}

pub(super) fn fields(headers: &HeaderMap) -> Fields {
    let named = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), value.as_bytes().to_vec())
    };
    let mut fields: Vec<_> = headers.iter().map(named).collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

pub(super) async fn whole<B: Body<Data = Bytes>>(body: B) -> Whole {
    let body = body.collect().await.ok()?;
    let trailers = body.trailers().map(fields).unwrap_or_default();
    Some((body.to_bytes().to_vec(), trailers))
}
