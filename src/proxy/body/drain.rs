//! What is left of a request's body that nobody sends on.

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use super::client::ClientBody;
use crate::proxy::limits::{DRAIN_TIMEOUT, MAX_DRAIN};

/// Reads on what a client still sends, while the response is on its way. A socket that is closed
/// with unread bytes in it resets the connection, and the client may lose the response; some HTTP/2
/// clients lose it when they are told to send no more. A body without end is cut off.
pub(in crate::proxy) fn drain_beside(body: ClientBody, is_unasked: bool) {
    let mut body = match body {
        // That of HTTP/1.1 is drained by the task that serves its connection.
        ClientBody::Http1(_) => return,
        // To read it would be to ask for it. By HTTP/2 clients send it all the same.
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
    // At the session's end there is no runtime any more, and nobody who reads.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tokio::time::timeout(DRAIN_TIMEOUT, draining));
    }
}
