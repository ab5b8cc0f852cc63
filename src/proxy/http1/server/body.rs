//! The body of a request, as it comes from the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::AsyncWrite;

use super::wire::{BodyState, Wire};
use crate::proxy::http1::framing::{Decoder, Length, Piece};
use crate::proxy::io::readiness::Source;

// This connection sends it when the body is first polled. The server's own 100 is not forwarded to
// an HTTP/1.1 client: it releases the upload (`Upload::release`), which then polls the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The body of a request, as it comes from the client.
///
/// Until it has ended or is dropped, only this body reads from the connection. [`BodyState`] says
/// what follows.
#[derive(Debug)]
pub(in crate::proxy) struct ClientBody<T> {
    /// `None` if there is no body, or the body has given the connection back.
    wire: Option<Wire<T>>,
    decoder: Decoder,
    /// The client waits for a 100, which has not been sent.
    is_unasked: bool,
}

impl<T> ClientBody<T> {
    /// For a request without a body.
    pub(super) fn none() -> Self {
        Self {
            wire: None,
            decoder: Decoder::new(Length::Known(0)),
            is_unasked: false,
        }
    }
}

impl<T: Source + AsyncWrite> ClientBody<T> {
    /// The body after a head that was just parsed. The connection lends it the stream.
    pub(super) fn lent(wire: &Wire<T>, length: Length, expects: bool) -> Self {
        // From here on the connection itself reads nothing: the bytes after the head belong to the
        // body.
        wire.lock().body = BodyState::Lent;
        Self {
            wire: Some(wire.share()),
            decoder: Decoder::new(length),
            is_unasked: expects,
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        // There was no body, or it has given the connection back with its last piece.
        let Some(wire) = &self.wire else {
            return Poll::Ready(Ok(Piece::End));
        };
        let mut state = wire.lock();
        let state = &mut *state;
        // A poll means that the body is wanted. A body that is not wanted is dropped without a
        // poll, and the client gets a final response instead of a 100 (RFC 9110 §10.1.1). A client
        // that has not waited for the 100 gets it nevertheless, which the RFC allows.
        if std::mem::take(&mut self.is_unasked) {
            state.out.extend_from_slice(CONTINUE);
        }
        // The 100 is sent before anything is read: the client may send nothing until it has it.
        ready!(state.poll_write_out(context))?;
        loop {
            match self.decoder.next(&mut state.read) {
                Ok(Piece::Incomplete) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                // By this kind of error the caller can distinguish a malformed body from a client
                // that has left.
                Err(fault) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
                }
            }
            // RFC 9112 §8: the body is incomplete, and so is the request. It must not look complete
            // to the server, so this is an error and not an end.
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
        // Before the piece is returned: the end comes with the last data, and after that the body
        // is not polled again.
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
    /// Gives the connection back, with what is left of the body, so that it can read the next
    /// request or notice that the client leaves. This happens as soon as the body has ended,
    /// because whoever forwards the body may keep it for long.
    fn give_back(&mut self) {
        let Some(wire) = self.wire.take() else {
            return;
        };
        let mut state = wire.lock();
        // Only the decoder knows where the rest of an unfinished body ends, and so where the next
        // request begins.
        let decoder = std::mem::replace(&mut self.decoder, Decoder::ended());
        state.body = if decoder.has_ended() {
            BodyState::Taken
        } else if self.is_unasked {
            // The client may send its body now, or skip it and send the next request (RFC 9110
            // §10.1.1). If one were read as the other, a body could contain a request (request
            // smuggling, RFC 9112 §11.2).
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
