//! The body of a request, on its way from the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::AsyncWrite;

use super::wire::{BodyState, Wire};
use crate::proxy::http1::framing::{Decoder, Length, Piece};
use crate::proxy::io::readiness::Source;

// Sent by this connection when the body is first polled. The server's own 100 is not forwarded to
// an HTTP/1.1 client: it releases the upload (`Upload::release`), which then polls the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The body of a request, on its way from the client.
///
/// Until it has ended or is dropped, it alone reads from the connection. [`BodyState`] has what
/// comes after that.
#[derive(Debug)]
pub(in crate::proxy) struct ClientBody<T> {
    /// `None` where there is no body.
    wire: Option<Wire<T>>,
    decoder: Decoder,
    /// The client waits to hear that it is wanted.
    is_unasked: bool,
}

impl<T> ClientBody<T> {
    /// Of a request without one.
    pub(super) fn none() -> Self {
        Self {
            wire: None,
            decoder: Decoder::new(Length::Known(0)),
            is_unasked: false,
        }
    }
}

impl<T: Source + AsyncWrite> ClientBody<T> {
    /// The one behind a head that has just been taken, lent out by its connection.
    pub(super) fn lent(wire: &Wire<T>, length: Length, expects: bool) -> Self {
        // From here on the connection reads nothing itself: what is behind the head is the body's.
        wire.lock().body = BodyState::Lent;
        Self {
            wire: Some(wire.share()),
            decoder: Decoder::new(length),
            is_unasked: expects,
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        // There was no body, or it was given back with its last piece.
        let Some(wire) = &self.wire else {
            return Poll::Ready(Ok(Piece::End));
        };
        let mut state = wire.lock();
        let state = &mut *state;
        // To poll is to ask for it: whoever does not want the body drops it without a poll, and the
        // client gets a final response in place of a 100 (RFC 9110 §10.1.1). A client that did not
        // wait for it gets it all the same, which the RFC allows.
        if std::mem::take(&mut self.is_unasked) {
            state.out.extend_from_slice(CONTINUE);
        }
        // What the client waits for goes out before anything is awaited of it: it may send nothing
        // until it has it.
        ready!(state.poll_write_out(context))?;
        loop {
            match self.decoder.next(&mut state.read) {
                Ok(Piece::Incomplete) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                // Of that kind, so that whoever answers can tell a body that is wrong from one
                // whose client has left.
                Err(fault) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
                }
            }
            // RFC 9112 §8: the body is incomplete, and so is the request. It must not look whole to
            // the server, so this is an error and no end.
            if ready!(state.poll_fill(context))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

impl<T: Source + AsyncWrite> Body for ClientBody<T> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let piece = ready!(this.poll_piece(context));
        // Before the piece is passed on: its end comes with the last data, and this body is polled
        // no more after that.
        if this.decoder.has_ended() {
            this.give_back();
        }
        Poll::Ready(match piece {
            Ok(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End | Piece::Incomplete) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.decoder.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.decoder
            .left()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl<T> ClientBody<T> {
    /// Whatever is left of it is the connection's affair again: the next request, or a client that
    /// leaves, can be told from it. At once when it has ended, as whoever sends it on may keep it
    /// for long.
    fn give_back(&mut self) {
        let Some(wire) = self.wire.take() else {
            return;
        };
        let mut state = wire.lock();
        // A decoder amid a body knows where that goes on; only with it can the rest be told from
        // the next request.
        let decoder = std::mem::replace(&mut self.decoder, Decoder::ended());
        state.body = if decoder.has_ended() {
            BodyState::Taken
        } else if self.is_unasked {
            // The client may send its body now, or not at all and a next request in its place (RFC
            // 9110 §10.1.1). If one were read as the other, a body could carry a request.
            BodyState::Unasked
        } else {
            BodyState::Unwanted(decoder)
        };
    }
}

impl<T> Drop for ClientBody<T> {
    fn drop(&mut self) {
        self.give_back();
    }
}
