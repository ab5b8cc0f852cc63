//! A provider's body, by whichever protocol it comes, and what is left of its request's body on the
//! way to the provider.

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

/// A provider's body.
#[derive(Debug)]
pub(in crate::proxy) enum UpstreamBody {
    /// By HTTP/1.1.
    Http1(IncomingBody<UpstreamStream, RequestBody>),
    /// By HTTP/2.
    Http2(Box<http2::Exchange<RequestBody>>),
}

impl UpstreamBody {
    /// Sends what is left of the request's body. Ready when nothing is left, or the server takes no
    /// more; an error where the client has broken it off.
    pub(in crate::proxy) fn poll_upload(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Http1(body) => body.poll_upload(context),
            Self::Http2(body) => body.poll_upload(context),
        }
    }

    /// What is left of the request's body, for another attempt.
    pub(in crate::proxy) fn take_upload(&mut self) -> Option<RequestBody> {
        match self {
            Self::Http1(body) => body.take_upload(),
            Self::Http2(body) => body.take_upload(),
        }
    }

    /// How much of the request's body the server has taken since its response began, in whatever
    /// unit, if it is the server who is waited for.
    pub(in crate::proxy) fn blocked_upload(&self) -> Option<u64> {
        match self {
            Self::Http1(body) => body.blocked_upload(),
            Self::Http2(body) => body.blocked_upload(),
        }
    }

    /// This response is the one that the client gets.
    pub(in crate::proxy) fn settle(&mut self) {
        match self {
            Self::Http1(body) => body.settle(),
            Self::Http2(_) => {} // which holds no upload back
        }
    }

    /// What of the request's body has not gone out, where some of it has not.
    pub(in crate::proxy) fn upload(&self) -> Option<&RequestBody> {
        match self {
            Self::Http1(body) => body.upload(),
            Self::Http2(body) => body.upload(),
        }
    }

    /// Moves it out, and leaves one that has ended.
    pub(in crate::proxy) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Http1(IncomingBody::ended()))
    }

    pub(in crate::proxy) fn uploads_for_hyper(&self) -> bool {
        let upload = self.upload();
        upload.is_some_and(RequestBody::is_of_the_proxy_itself)
    }

    /// Goes on with the upload after the response has ended.
    ///
    /// RFC 9112 §9.3 lets a server respond before it has read the whole request; whether it still
    /// wants the rest, only its reading tells. So the upload goes on while the server takes it, and
    /// is given up when that stands still: soon where the request was refused, and after a long
    /// while where it was accepted. Whether the client is still there is no matter by then: what it
    /// has sent whole arrives whole.
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
