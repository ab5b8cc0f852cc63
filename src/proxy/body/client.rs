//! A client's body, by whichever protocol it comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::proxy::http1;
use crate::proxy::http2::ReceivedBody;
use crate::proxy::io::stream::ClientStream;
use crate::proxy::limits::{DRAIN_TIMEOUT, LARGEST_DRAIN};

/// A client's body.
#[derive(Debug)]
pub(in crate::proxy) enum ClientBody {
    /// Of an intercepted connection that speaks HTTP/1.1.
    Http1(http1::ClientBody<ClientStream>),
    /// Of an intercepted connection that speaks HTTP/2.
    Http2(ReceivedBody),
    /// By hyper: of a request to the proxy itself.
    Hyper(Incoming),
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(context),
            Self::Http2(body) => Pin::new(body).poll_frame(context),
            Self::Hyper(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
            Self::Hyper(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
            Self::Hyper(body) => body.size_hint(),
        }
    }
}

/// Reads on what a client still sends, while the response is on its way. A socket that is closed with unread bytes in it resets the connection,
/// and the client may lose the response; some HTTP/2 clients lose it when they are told to send no more. A body without end is cut off.
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
        while read < LARGEST_DRAIN
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
