//! Sends a body over HTTP/2.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use tokio::sync::oneshot;

use super::piece::Piece;
use crate::proxy::message::body::Streamed;

/// The sending half of a stream, with the data that was read from its body and could not be sent
/// yet.
#[derive(Debug)]
pub(super) struct Sender {
    stream: SendStream<Piece>,
    /// Data that waits for room in the peer's window.
    waiting: Bytes,
    has_ended: bool,
    /// Bytes that the peer's window had room for.
    taken: u64,
    is_blocked: bool,
}

/// How the sending of a body has ended.
#[derive(Debug)]
pub(super) enum Sent {
    /// All of it is sent.
    All,
    /// The peer has reset the stream, or the connection has ended. A reset with `NO_ERROR` means
    /// that the peer needs no more of the body (RFC 9113 §8.1).
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

    /// How many bytes the peer has taken, if more of them wait for it.
    pub(super) fn blocked(&self) -> Option<u64> {
        self.is_blocked.then_some(self.taken)
    }

    /// Sends what the body has now. An error comes from the body itself.
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
                // Notices a peer that has left even while there is nothing to send to it.
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

    /// Sends as much of `waiting` as the peer's window has room for.
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

    /// Resets the stream once everything that was sent before is on the wire. Without that wait, h2
    /// would drop what it has not written yet.
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

    /// Resets the stream at once, without waiting for what was sent before.
    pub(super) fn cancel(&mut self) {
        self.stream.send_reset(h2::Reason::CANCEL);
    }
}
