//! A client's end of an intercepted connection: what is read of it, and the bodies of its requests.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::io::AsyncWrite;

use crate::proxy::http1::client::connection::read_some;
use crate::proxy::http1::framing::{Decoder, Length, Piece};
use crate::proxy::io::stream::Source;
use crate::proxy::limits::{SMALLEST_READ, USUAL_READ};

/// A client's connection, shared between the task that serves it and the body of its request, which may go its way in another one. Neither
/// holds the lock while it waits.
#[derive(Debug)]
pub(in crate::proxy) struct Wire<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
pub(in crate::proxy::http1) struct State<T> {
    pub(in crate::proxy::http1) io: T,
    /// What came and was not yet taken.
    pub(in crate::proxy::http1) read: BytesMut,
    appetite: usize,
    body: BodyState,
    /// Who waits for the body to come back.
    waiter: Option<Waker>,
    /// What goes out ahead of the final response: that the body is wanted (100), and the server's interim responses.
    pub(in crate::proxy::http1) out: Vec<u8>,
    out_is_unflushed: bool,
    /// The client sends no more.
    pub(in crate::proxy::http1) has_ended: bool,
}

/// Where the body of the request in hand is.
#[derive(Debug, Default)]
enum BodyState {
    /// All of it was taken, or there is none.
    #[default]
    Taken,
    /// With whoever sends it on.
    Lent,
    /// Nobody wants the rest.
    Unwanted(Decoder),
    /// The client waits for a word to send it, and has not got one: what it sends next is anybody's guess.
    Unasked,
}

/// What has become of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy::http1) enum Rest {
    /// The client has left before its end.
    Left,
    /// The next request follows.
    None,
    /// Part of it may still come.
    Some,
    /// Nobody knows what follows.
    Unknown,
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy::http1) enum Leave {
    /// Its connection is broken.
    Broken,
    /// It sends no more. It may still read: that looks the same from here.
    Ended,
}

impl<T: Source + AsyncWrite> Wire<T> {
    pub(in crate::proxy::http1) fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(State {
            io,
            read: BytesMut::new(),
            appetite: USUAL_READ,
            body: BodyState::Taken,
            waiter: None,
            out: Vec::new(),
            out_is_unflushed: false,
            has_ended: false,
        })))
    }

    pub(in crate::proxy::http1) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream and what has come on it, once nobody else has a part in it.
    pub(in crate::proxy::http1) fn into_parts(self) -> Option<(T, Bytes)> {
        let state = Arc::into_inner(self.0)?.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        Some((state.io, state.read.freeze()))
    }

    /// Lends out the body of a request whose head has been taken.
    pub(in crate::proxy::http1) fn lend(&self, length: Length, expects: bool) -> ClientBody<T> {
        self.lock().body = BodyState::Lent;
        ClientBody {
            wire: Some(Self(Arc::clone(&self.0))),
            decoder: Decoder::new(length),
            is_unasked: expects,
        }
    }

    /// Reads and drops what nobody wants of the body; ready when it is known what follows.
    pub(in crate::proxy::http1) fn poll_rest(
        &self,
        context: &mut Context<'_>,
        budget: &mut usize,
    ) -> Poll<Rest> {
        let mut state = self.lock();
        let state = &mut *state;
        loop {
            let decoder = match &mut state.body {
                BodyState::Taken => return Poll::Ready(Rest::None),
                BodyState::Unasked => return Poll::Ready(Rest::Unknown),
                BodyState::Lent => {
                    state.waiter = Some(context.waker().clone());
                    return Poll::Pending;
                }
                BodyState::Unwanted(decoder) => decoder,
            };
            match decoder.next(&mut state.read) {
                Ok(Piece::Data(data)) => match budget.checked_sub(data.len()) {
                    Some(left) => *budget = left,
                    None => return Poll::Ready(Rest::Unknown),
                },
                Ok(Piece::End | Piece::Trailers(_)) => state.body = BodyState::Taken,
                Ok(Piece::Incomplete) => match ready!(state.poll_fill(context)) {
                    Ok(count) if count > 0 => {}
                    _ => return Poll::Ready(Rest::Left),
                },
                Err(_) => return Poll::Ready(Rest::Unknown),
            }
        }
    }

    /// What has become of the body, without a wait.
    pub(in crate::proxy::http1) fn rest(&self) -> Rest {
        match self.lock().body {
            BodyState::Taken => Rest::None,
            BodyState::Lent | BodyState::Unwanted(_) => Rest::Some,
            BodyState::Unasked => Rest::Unknown,
        }
    }
}

impl<T: Source + AsyncWrite> State<T> {
    /// Reads once; the number of bytes, 0 at the end.
    pub(in crate::proxy::http1) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        read_some(&mut self.io, &mut self.read, &mut self.appetite, context)
    }

    /// Writes what goes out ahead of the final response.
    pub(in crate::proxy::http1) fn poll_write_out(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(context, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
            self.out_is_unflushed = true;
        }
        if self.out_is_unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.out_is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The client leaves while its request is under way: ready when it does. A next request that comes early is kept, up to a bound.
    pub(in crate::proxy::http1) fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<Leave> {
        if matches!(self.body, BodyState::Lent) {
            return Poll::Pending; // whoever has the body finds out
        }
        while self.read.len() < SMALLEST_READ && !self.has_ended {
            match ready!(self.poll_fill(context)) {
                Ok(0) => self.has_ended = true,
                Ok(_) => {}
                Err(_) => return Poll::Ready(Leave::Broken),
            }
        }
        if self.has_ended {
            Poll::Ready(Leave::Ended)
        } else {
            Poll::Pending
        }
    }

    /// Between two requests: no large buffer is kept for a client that may be silent for long.
    pub(in crate::proxy::http1) fn relax(&mut self) {
        if self.read.is_empty() && self.appetite > USUAL_READ {
            self.read = BytesMut::new();
            self.appetite = USUAL_READ;
        }
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The body of a request, on its way from the client.
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
    pub(in crate::proxy::http1) fn none() -> Self {
        Self {
            wire: None,
            decoder: Decoder::new(Length::Known(0)),
            is_unasked: false,
        }
    }
}

impl<T: Source + AsyncWrite> ClientBody<T> {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        let Some(wire) = &self.wire else {
            return Poll::Ready(Ok(Piece::End));
        };
        let mut state = wire.lock();
        let state = &mut *state;
        if std::mem::take(&mut self.is_unasked) {
            state.out.extend_from_slice(CONTINUE);
        }
        ready!(state.poll_write_out(context))?;
        loop {
            match self.decoder.next(&mut state.read) {
                Ok(Piece::Incomplete) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                // Of that kind, so that whoever answers can tell a body that is wrong from one whose client has left.
                Err(fault) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
                }
            }
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
    /// Whatever is left of it is the connection's affair again: the next request, or a client that leaves, can be told from it. At once when
    /// it has ended, as whoever sends it on may keep it for long.
    fn give_back(&mut self) {
        let Some(Wire(state)) = self.wire.take() else {
            return;
        };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let decoder = std::mem::replace(&mut self.decoder, Decoder::ended());
        state.body = if decoder.has_ended() {
            BodyState::Taken
        } else if self.is_unasked {
            BodyState::Unasked
        } else {
            BodyState::Unwanted(decoder)
        };
        if let Some(waiter) = state.waiter.take() {
            waiter.wake();
        }
    }
}

impl<T> Drop for ClientBody<T> {
    fn drop(&mut self) {
        self.give_back();
    }
}
