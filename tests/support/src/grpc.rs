//! The gRPC service `echo.Echo`: `Unary` and `Bidi` send every message back as it comes.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::api::identify;
use crate::call::Call;
use crate::response::{self, Body};

/// Serves `/echo.Echo/…`. A refusal is a response without a body, its status among the headers
/// ("Trailers-Only").
pub(crate) fn serve(call: &Call, method: &str, body: Incoming) -> Response<Body> {
    let refusal = match method {
        _ if identify(call).is_err() => Some(UNAUTHENTICATED),
        "Bidi" | "Unary" => None,
        _ => Some(UNIMPLEMENTED),
    };
    if let Some(status) = refusal {
        call.shared.discard(body);
        let mut response =
            response::with_body(StatusCode::OK, CONTENT_TYPE, Body::full(Bytes::new()));
        response.headers_mut().insert(STATUS, status);
        return response;
    }
    let (mut sender, echoed) = Body::channel();
    let mut messages = Messages::new(body);
    call.shared.spawn(async move {
        while let Some(message) = messages.next().await {
            if sender.send_data(message).await.is_err() {
                return;
            }
        }
        let status = if messages.ended_whole() { OK } else { INTERNAL };
        // A peer that has gone needs no trailers.
        let _ = sender
            .send_trailers(HeaderMap::from_iter([(STATUS, status)]))
            .await;
    });
    response::with_body(StatusCode::OK, CONTENT_TYPE, echoed)
}

/// The messages of a body, each with the prefix that tells its length.
struct Messages {
    body: Incoming,
    read: BytesMut,
}

impl Messages {
    fn new(body: Incoming) -> Self {
        Self {
            body,
            read: BytesMut::new(),
        }
    }

    /// The next whole message; `None` at the end, and where one is too long.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let wanted = wanted(&self.read);
            if wanted > MAX_MESSAGE {
                return None;
            }
            if self.read.len() >= wanted {
                return Some(self.read.split_to(wanted).freeze());
            }
            let frame = self.body.frame().await?.ok()?;
            if let Some(data) = frame.data_ref() {
                self.read.extend_from_slice(data);
            }
        }
    }

    /// Whether nothing of a message is left over.
    fn ended_whole(&self) -> bool {
        self.read.is_empty()
    }
}

/// How many bytes the message at the start has with its prefix: a flag, and four bytes of length.
fn wanted(read: &[u8]) -> usize {
    let length = read
        .get(1..PREFIX)
        .and_then(|length| length.try_into().ok());
    length.map_or(PREFIX, |length| {
        usize::try_from(u32::from_be_bytes(length))
            .map_or(usize::MAX, |length| length.saturating_add(PREFIX))
    })
}

const CONTENT_TYPE: &str = "application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");
const INTERNAL: HeaderValue = HeaderValue::from_static("13");
const UNAUTHENTICATED: HeaderValue = HeaderValue::from_static("16");
const PREFIX: usize = 5;
/// The largest message, as gRPC's own servers have it.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
