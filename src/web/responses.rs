//! The responses, with the fields that each of them has.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};
use serde_json::Value;

use super::page::Page;
use super::stream::Stream;

/// The body of a response: whole, or a stream of lines.
pub(super) type Body = Either<Full<Bytes>, Stream>;

pub(super) fn page(page: &Page) -> Response<Body> {
    let mut response = response(
        StatusCode::OK,
        "text/html; charset=utf-8",
        page.html.clone(),
    );
    if let Ok(policy) = HeaderValue::from_str(&page.content_security_policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let text = value.to_string();
    response(
        status,
        "application/json",
        crate::text::json(&text).into_owned(),
    )
}

/// A refusal in words.
pub(super) fn refused(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    json(
        status,
        &serde_json::json!({ "error": code, "message": message, "hint": "authsome ui" }),
    )
}

/// Lines of JSON, as they come.
pub(super) fn lines(stream: Stream) -> Response<Body> {
    let head = response(StatusCode::OK, "application/x-ndjson", String::new());
    head.map(|_| Either::Right(stream))
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    let fields = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CONTENT_TYPE, kind),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fields {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
