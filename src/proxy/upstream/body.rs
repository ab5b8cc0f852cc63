//! The body of a provider's response, over either protocol, with the part of its request's body
//! that has not been sent yet.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::stream::UpstreamStream;
use crate::proxy::body::request::RequestBody;
use crate::proxy::http1::IncomingBody;
use crate::proxy::http2;
use crate::proxy::limits::{ACCEPTED_UPLOAD_STALL, REFUSED_UPLOAD_STALL};

/// The body of a provider's response.
#[derive(Debug)]
pub(in crate::proxy) enum UpstreamBody {
    /// Over HTTP/1.1.
    Http1(IncomingBody<UpstreamStream, RequestBody>),
    /// Over HTTP/2.
    Http2(Box<http2::Exchange<RequestBody>>),
}

impl UpstreamBody {
    /// Sends the rest of the request's body. Ready when nothing is left, or the server takes no
    /// more; an error if the client has broken the body off.
    pub(in crate::proxy) fn poll_upload(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Http1(body) => body.poll_upload(context),
            Self::Http2(body) => body.poll_upload(context),
        }
    }

    /// Takes the rest of the request's body, for another attempt.
    pub(in crate::proxy) fn take_upload(&mut self) -> Option<RequestBody> {
        match self {
            Self::Http1(body) => body.take_upload(),
            Self::Http2(body) => body.take_upload(),
        }
    }

    /// How much the server has taken so far, if the upload waits for the server; `None` if it waits
    /// for the client. The value has no fixed unit: compare it only with an earlier one.
    pub(in crate::proxy) fn blocked_upload(&self) -> Option<u64> {
        match self {
            Self::Http1(body) => body.blocked_upload(),
            Self::Http2(body) => body.blocked_upload(),
        }
    }

    /// Marks this response as the one that the client gets. An upload that still waits for a 100 is
    /// dropped, because no 100 will come any more.
    pub(in crate::proxy) fn settle(&mut self) {
        match self {
            Self::Http1(body) => body.settle(),
            Self::Http2(_) => {} // an upload over HTTP/2 never waits for a 100
        }
    }

    /// The part of the request's body that has not been sent, if any.
    pub(in crate::proxy) fn upload(&self) -> Option<&RequestBody> {
        match self {
            Self::Http1(body) => body.upload(),
            Self::Http2(body) => body.upload(),
        }
    }

    /// Moves the body out, and leaves one that has ended.
    pub(in crate::proxy) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Http1(IncomingBody::ended()))
    }

    pub(in crate::proxy) fn uploads_for_hyper(&self) -> bool {
        let upload = self.upload();
        upload.is_some_and(RequestBody::is_of_the_proxy_itself)
    }

    /// Continues the upload after the response has ended.
    ///
    /// RFC 9110 §7.5 lets a server respond before it has read the whole request. Only its reading
    /// shows whether it still wants the rest. So the upload continues while the server takes it,
    /// and is given up when the server stops: soon if it refused the request, after a long while if
    /// it accepted it. The client may have left by then: what it has sent completely still arrives
    /// completely.
    pub(in crate::proxy) async fn finish_upload(&mut self, is_refused: bool) -> io::Result<()> {
        let limit = stall_limit(is_refused);
        let mut clock = pin!(tokio::time::sleep(limit));
        let mut taken = None;
        poll_fn(|context| {
            if let Poll::Ready(end) = self.poll_upload(context) {
                return Poll::Ready(end);
            }
            while clock.as_mut().poll(context).is_ready() {
                let now = self.blocked_upload();
                if now.is_some() && now == taken {
                    return Poll::Ready(Ok(()));
                }
                taken = now;
                clock.as_mut().reset(tokio::time::Instant::now() + limit);
            }
            Poll::Pending
        })
        .await
    }
}

/// How long a server may take nothing of an upload after its response has ended.
fn stall_limit(is_refused: bool) -> Duration {
    if is_refused {
        REFUSED_UPLOAD_STALL
    } else {
        ACCEPTED_UPLOAD_STALL
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(context),
            Self::Http2(body) => Pin::new(&mut **body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}
