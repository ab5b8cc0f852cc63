//! A body on its way out by HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use tokio::sync::oneshot;

use super::piece::Piece;
use crate::proxy::message::body::Streamed;

/// The sending half of a stream, and what of its body has been asked for and could not be sent yet.
#[derive(Debug)]
pub(super) struct Sender {
    stream: SendStream<Piece>,
    /// Waits for the peer's window.
    waiting: Bytes,
    has_ended: bool,
    /// Bytes that the peer's window had room for.
    taken: u64,
    is_blocked: bool,
}

/// How a body's way out has ended.
#[derive(Debug)]
pub(super) enum Sent {
    /// All of it is out.
    All,
    /// The peer has reset the stream, or its connection has ended: with `NO_ERROR`, it has what it
    /// wants of the body (RFC 9113 §8.1).
    Refused,
}

impl Sender {
    pub(super) fn new(stream: SendStream<Piece>) -> Self {
        Self {
            stream,
            waiting: Bytes::new(),
            has_ended: false,
            taken: 0,
            is_blocked: false,
        }
    }

    /// How many bytes the peer has taken, where some wait for it to take them.
    pub(super) fn blocked(&self) -> Option<u64> {
        self.is_blocked.then_some(self.taken)
    }

    /// Sends what there is of the body. An error is the body's own.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        body: &mut impl Streamed,
    ) -> Poll<io::Result<Sent>> {
        self.is_blocked = false;
        while !self.has_ended {
            if !self.waiting.is_empty() {
                self.is_blocked = true;
                match ready!(self.poll_piece(context, body.is_end_stream())) {
                    Sent::Refused => return Poll::Ready(Ok(Sent::Refused)),
                    Sent::All => self.is_blocked = false,
                }
                continue;
            }
            let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) else {
                // A peer that has left is noticed though there is nothing to send to it.
                return match self.stream.poll_reset(context) {
                    Poll::Ready(_) => Poll::Ready(Ok(Sent::Refused)),
                    Poll::Pending => Poll::Pending,
                };
            };
            let sent = match frame.transpose()? {
                None => self.end(),
                Some(frame) => match frame.into_data() {
                    Ok(data) if data.is_empty() && body.is_end_stream() => self.end(),
                    Ok(data) => {
                        self.waiting = data;
                        Ok(())
                    }
                    Err(frame) => {
                        self.has_ended = true;
                        let trailers = frame.into_trailers().unwrap_or_default();
                        self.stream.send_trailers(trailers)
                    }
                },
            };
            if sent.is_err() {
                return Poll::Ready(Ok(Sent::Refused));
            }
        }
        Poll::Ready(Ok(Sent::All))
    }

    /// Sends as much of what waits as the peer's window has room for.
    fn poll_piece(&mut self, context: &mut Context<'_>, is_last: bool) -> Poll<Sent> {
        self.stream.reserve_capacity(self.waiting.len());
        let mut room = self.stream.capacity();
        while room == 0 {
            match ready!(self.stream.poll_capacity(context)) {
                Some(Ok(capacity)) => room = capacity,
                Some(Err(_)) | None => return Poll::Ready(Sent::Refused),
            }
        }
        let data = self.waiting.split_to(room.min(self.waiting.len()));
        self.taken += data.len() as u64;
        let ends = is_last && self.waiting.is_empty();
        self.has_ended = ends;
        Poll::Ready(match self.stream.send_data(data.into(), ends) {
            Ok(()) => Sent::All,
            Err(_) => Sent::Refused,
        })
    }

    fn end(&mut self) -> Result<(), h2::Error> {
        self.has_ended = true;
        self.stream.send_data(Bytes::new().into(), true)
    }

    /// Resets the stream, once what was sent before is on the wire: h2 drops what it has not yet
    /// written of a stream that is reset.
    pub(super) async fn break_off(mut self, reason: h2::Reason) {
        let (written, on_the_wire) = oneshot::channel();
        let last = Piece {
            data: Bytes::new(),
            _written: Some(written),
        };
        if self.stream.send_data(last, false).is_ok() {
            let limit = crate::proxy::limits::BREAK_OFF_FLUSH;
            let _ = tokio::time::timeout(limit, on_the_wire).await;
        }
        self.stream.send_reset(reason);
    }

    /// Resets the stream at once: nobody wants what is done on it.
    pub(super) fn cancel(&mut self) {
        self.stream.send_reset(h2::Reason::CANCEL);
    }
}
