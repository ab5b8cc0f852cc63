//! Bodies that stream: downloads, uploads, echoes, server-sent events, trailers.

use std::error::Error;
use std::ops::Range;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use serde_json::json;

use crate::call::Call;
use crate::file;
use crate::grants::{hex, now_ms};
use crate::response::{self, Body};

/// The byte at `offset` of `GET /api/v4/download`.
pub fn pattern_byte(offset: u64) -> u8 {
    let within = offset % CHUNK as u64;
    u8::try_from(within % 251).unwrap_or_default()
}

/// `GET /api/v4/download?bytes=N`, also in parts.
pub(crate) fn download(call: &Call) -> Response<Body> {
    let bytes = call.number("bytes").and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.unwrap_or_default();
    file::ranged(call, "application/octet-stream", bytes, |range| {
        Body::new(Pattern(range))
    })
}

/// `POST|PUT /api/v4/upload`: counts, and keeps nothing.
pub(crate) async fn upload(mut body: Incoming) -> Response<Body> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return response::text(StatusCode::BAD_REQUEST, "the body broke off\n");
        };
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    response::json(StatusCode::OK, &json!({"bytes": bytes}))
}

/// `/api/v4/echo/…`: what arrived. The headers are told as they are, the credential included.
pub(crate) async fn echo(call: &Call, mut body: Incoming) -> Response<Body> {
    let mut bytes = 0;
    let mut digest = digest::Context::new(&SHA256);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return response::text(StatusCode::BAD_REQUEST, "the body broke off\n");
        };
        if let Some(data) = frame.data_ref() {
            bytes += data.len();
            digest.update(data);
        }
    }
    let headers: Vec<[String; 2]> = call
        .parts
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            [name.as_str().to_owned(), value]
        })
        .collect();
    let told = json!({
        "method": call.parts.method.as_str(),
        "path": call.parts.uri.path(),
        "query": call.parts.uri.query(),
        "version": format!("{:?}", call.parts.version),
        "headers": headers,
        "bytes": bytes,
        "sha256": hex(digest.finish().as_ref()),
        "credential": call.credential.kind(),
    });
    response::json(StatusCode::OK, &told)
}

/// `GET /api/v4/events?count=N&interval_ms=M`: each event carries the time it was sent.
pub(crate) fn events(call: &Call) -> Response<Body> {
    let count = call.number("count").unwrap_or(3);
    let interval = Duration::from_millis(call.number("interval_ms").unwrap_or(10));
    let (mut sender, body) = Body::channel();
    call.shared.spawn(async move {
        for number in 0..count {
            let event = json!({"n": number, "sent_ms": now_ms()});
            let event = format!("id: {number}\ndata: {event}\n\n");
            if sender.send_data(event.into()).await.is_err() {
                return;
            }
            tokio::time::sleep(interval).await;
        }
    });
    let mut response = response::with_body(StatusCode::OK, "text/event-stream", body);
    response::set(&mut response, CACHE_CONTROL, "no-cache");
    response
}

/// `GET /api/v4/trailers`: HTTP/1.1 gets them only where it asks with `TE: trailers`.
pub(crate) fn trailers(call: &Call) -> Response<Body> {
    let (mut sender, body) = Body::channel();
    call.shared.spawn(async move {
        if sender
            .send_data(Bytes::from_static(b"before the trailers\n"))
            .await
            .is_ok()
        {
            // A peer that has gone needs no trailers.
            let _ = sender.send_trailers(trailer_fields()).await;
        }
    });
    let mut response = response::with_body(StatusCode::OK, "text/plain; charset=utf-8", body);
    response::set(&mut response, TRAILER, "grpc-status, x-checksum");
    response
}

/// `POST /api/v4/bidi`: each frame goes back as it comes, then a trailer, as a gRPC stream does.
pub(crate) fn bidi(call: &Call, mut body: Incoming) -> Response<Body> {
    let (mut sender, echoed) = Body::channel();
    call.shared.spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if sender.send_data(data).await.is_err() {
                return;
            }
        }
        // A peer that has gone needs no trailers.
        let _ = sender.send_trailers(trailer_fields()).await;
    });
    let mut response = response::with_body(StatusCode::OK, "application/octet-stream", echoed);
    if let Some(content_type) = call.parts.headers.get(CONTENT_TYPE) {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, content_type.clone());
    }
    response::set(&mut response, TRAILER, "grpc-status, x-checksum");
    response
}

/// A body of [`pattern_byte`]s, cut from one chunk without copying.
struct Pattern(Range<usize>);

impl hyper::body::Body for Pattern {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let start = self.0.start % CHUNK;
        let length = self.0.len().min(CHUNK - start);
        self.0.start += length;
        Poll::Ready(Some(Ok(Frame::data(PATTERN.slice(start..start + length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

fn trailer_fields() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let fields = [("grpc-status", "0"), ("x-checksum", "fake")];
    for (name, value) in fields {
        trailers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    trailers
}

/// The size of a download's frames.
const CHUNK: usize = 64 * 1024;
/// One chunk of the pattern, which every frame shares.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| (0..CHUNK as u64).map(pattern_byte).collect());
