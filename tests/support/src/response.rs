//! Bodies and the usual answers.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, SizeHint};
use serde_json::Value;

/// The body of every response.
pub(crate) struct Body(UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>);

impl Body {
    /// A body that is there at once.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self(
            Full::new(bytes.into())
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
    }

    /// Any other body.
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: hyper::body::Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>> + Send + 'static,
    {
        Self(body.boxed_unsync())
    }

    /// A body that a task writes; its few frames in flight are the backpressure.
    pub(crate) fn channel() -> (Sender<Bytes, Box<dyn Error + Send + Sync>>, Self) {
        let (sender, channel) = Channel::new(4);
        (sender, Self::new(channel))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A response of the given type.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

/// A JSON response.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    with_body(status, "application/json", Body::full(value.to_string()))
}

/// A plain-text response.
pub(crate) fn text(status: StatusCode, words: &'static str) -> Response<Body> {
    with_body(status, "text/plain; charset=utf-8", Body::full(words))
}

/// An HTML page.
pub(crate) fn html(status: StatusCode, page: String) -> Response<Body> {
    with_body(status, "text/html; charset=utf-8", Body::full(page))
}

/// A redirect.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response<Body> {
    let mut response = with_body(status, "text/html; charset=utf-8", Body::full(""));
    set(&mut response, LOCATION, location);
    response
}

/// The bare 401 of an unknown token.
pub(crate) fn bare_unauthorized() -> Response<Body> {
    let value = serde_json::json!({"message": "401 Unauthorized"});
    json(StatusCode::UNAUTHORIZED, &value)
}

/// The 404 of anything that is not there.
pub(crate) fn not_found() -> Response<Body> {
    json(
        StatusCode::NOT_FOUND,
        &serde_json::json!({"error": "404 Not Found"}),
    )
}

/// The response to HEAD: the length stays, the body goes. Over HTTP/2 hyper would send it.
pub(crate) fn behead(response: &mut Response<Body>) {
    use hyper::body::Body as _;
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::full(Bytes::new());
}

/// Sets a header; a value that HTTP does not allow is left out.
pub(crate) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
