//! An HTTP/2 exchange whose response has begun, with the rest of its request's body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::fault::Fault;
use super::received::ReceivedBody;
use super::sender::Sender;
use crate::proxy::message::body::Streamed;

/// An exchange whose response has begun: the response's body, and the rest of the request's body.
#[derive(Debug)]
pub(in crate::proxy) struct Exchange<B> {
    pub(super) received: ReceivedBody,
    pub(super) upload: Option<Upload<B>>,
}

/// A request's body that is being sent.
#[derive(Debug)]
pub(super) struct Upload<B> {
    pub(super) sender: Sender,
    pub(super) body: B,
}

/// Sends what the body has now. The body is kept, for another attempt.
pub(super) fn poll_upload(
    upload: &mut Option<Upload<impl Streamed>>,
    context: &mut Context<'_>,
) -> Result<(), Fault> {
    let Some(upload) = upload else {
        return Ok(());
    };
    match upload.sender.poll_send(context, &mut upload.body) {
        Poll::Ready(Err(error)) => Err(Fault::Body(error)),
        _ => Ok(()),
    }
}

impl<B: Streamed> Exchange<B> {
    /// The part of the request's body that has not been sent, if any.
    pub(in crate::proxy) fn upload(&self) -> Option<&B> {
        self.upload.as_ref().map(|upload| &upload.body)
    }

    /// Takes the rest of the request's body for another attempt, which ends this one.
    pub(in crate::proxy) fn take_upload(&mut self) -> Option<B> {
        self.upload.take().map(|upload| upload.body)
    }

    /// How many bytes the server has taken, if more of them wait for it.
    pub(in crate::proxy) fn blocked_upload(&self) -> Option<u64> {
        self.upload.as_ref()?.sender.blocked()
    }

    /// Sends the rest of the request's body. Ready when nothing is left, or the server takes no
    /// more.
    pub(in crate::proxy) fn poll_upload(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(upload) = &mut self.upload else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(upload.sender.poll_send(context, &mut upload.body));
        if sent.is_err() {
            // Reset, so that the body does not look complete to the server (RFC 9113 §8.1).
            upload.sender.cancel();
        }
        self.upload = None;
        Poll::Ready(sent.map(|_| ()))
    }
}

impl<B: Streamed> Body for Exchange<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        // A server may need more of the request before it sends more of its response.
        if let Poll::Ready(Err(error)) = this.poll_upload(context) {
            return Poll::Ready(Some(Err(error)));
        }
        Pin::new(&mut this.received).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.received.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.received.size_hint()
    }
}
