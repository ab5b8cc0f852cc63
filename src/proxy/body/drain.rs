//! Drains the rest of a request's body that is not forwarded.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use super::client::ClientBody;
use crate::proxy::limits::{DRAIN_TIMEOUT, MAX_DRAIN};

/// Reads what a client still sends, while the response is on its way. Closing a socket with unread
/// bytes resets its connection, and the client may lose the response. Some HTTP/2 clients lose it
/// when they are told to stop sending. An endless body is cut off by `MAX_DRAIN` or
/// `DRAIN_TIMEOUT`.
pub(in crate::proxy) fn drain_beside(body: ClientBody, is_unasked: bool) {
    let mut body = match body {
        // The task that serves an HTTP/1.1 connection drains the body itself.
        ClientBody::Http1(_) => return,
        // Reading the body would ask the client for it (100 Continue). HTTP/2 clients send it in
        // any case.
        ClientBody::Hyper(_) if is_unasked => return,
        body if body.is_end_stream() => return,
        body => body,
    };
    let draining = async move {
        let mut read = 0;
        while read < MAX_DRAIN
            && let Some(Ok(frame)) = body.frame().await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // After the session's end there is no runtime, and no client that reads a response.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tokio::time::timeout(DRAIN_TIMEOUT, draining));
    }
}
