//! A client's connection, as its server side and the body of its request share it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::proxy::http1::framing::{Decoder, Piece};
use crate::proxy::http1::read_buffer::read_some;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{DEFAULT_READ, DRAIN_TIMEOUT, MAX_DRAIN, MIN_READ};

/// A client's connection, shared by the server side and the body of the request. Both run in one
/// task and hold the lock only for a poll; the lock is there because shared state must be `Send`.
#[derive(Debug)]
pub(super) struct Wire<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) io: T,
    /// Bytes that were read and not consumed yet.
    pub(super) read: BytesMut,
    read_size: usize,
    pub(super) body: BodyState,
    /// What is sent before the final response: a 100, and the server's interim responses.
    pub(super) out: Vec<u8>,
    out_is_unflushed: bool,
    /// The client has closed its sending direction.
    pub(super) has_ended: bool,
}

/// Where the body of the current request is.
///
/// ```text
/// Taken    ── a head with a body ─────────────────► Lent
/// Lent     ── read to its end ────────────────────► Taken
///          ── dropped before its end ─────────────► Unwanted
///          ── dropped before its 100 is sent ─────► Unasked, and no other request is served
/// Unwanted ── the rest has been read and dropped ─► Taken
/// ```
///
/// Only in `Taken` is the next head read. So no byte of a body is ever parsed as a request;
/// otherwise a body could smuggle one (RFC 9112 §11.2).
#[derive(Debug, Default)]
pub(super) enum BodyState {
    /// The whole body has been read, or there is none.
    #[default]
    Taken,
    /// The `ClientBody` reads it.
    Lent,
    /// The body was dropped, and the rest is not wanted.
    Unwanted(Decoder),
    /// The client waits for a 100, and none was sent: it may send the body or another request next.
    Unasked,
}

/// What is left of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyRemainder {
    /// The client has left before its end.
    Left,
    /// Nothing: the next request follows.
    None,
    /// Part of it may still come.
    Some,
    /// It is unknown what follows.
    Unknown,
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Its connection is broken.
    Broken,
    /// It sends no more. Whether it still reads cannot be seen from here.
    Ended,
}

impl<T> Wire<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another handle of the same connection.
    pub(super) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Source + AsyncWrite> Wire<T> {
    pub(super) fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(State {
            io,
            read: BytesMut::new(),
            // Clients send little besides heads, and a session may have thousands of connections
            // (`MAX_CONNECTIONS`).
            read_size: DEFAULT_READ,
            body: BodyState::Taken,
            out: Vec::new(),
            out_is_unflushed: false,
            has_ended: false,
        })))
    }

    /// The stream, and the bytes that were already read from it; `None` while a body still shares
    /// it.
    pub(super) fn into_parts(self) -> Option<(T, Bytes)> {
        // A body that still shares the stream would go on to read from it.
        let state = Arc::into_inner(self.0)?.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        Some((state.io, state.read.freeze()))
    }

    /// Reads and drops the rest of a body that is not wanted. Ready when it is known what follows.
    pub(super) fn poll_rest(
        &self,
        context: &mut Context<'_>,
        budget: &mut usize,
    ) -> Poll<BodyRemainder> {
        let mut state = self.lock();
        let state = &mut *state;
        loop {
            let decoder = match &mut state.body {
                BodyState::Taken => return Poll::Ready(BodyRemainder::None),
                BodyState::Unasked => return Poll::Ready(BodyRemainder::Unknown),
                // Two readers would take each other's bytes. The body is given back in this task,
                // which then polls here again.
                BodyState::Lent => return Poll::Pending,
                BodyState::Unwanted(decoder) => decoder,
            };
            match decoder.next(&mut state.read) {
                // RFC 9112 §9.3: a server reads the whole body or closes the connection; otherwise
                // the rest would be parsed as the next request. The budget cuts off a body without
                // end.
                Ok(Piece::Data(data)) => match budget.checked_sub(data.len()) {
                    Some(left) => *budget = left,
                    None => return Poll::Ready(BodyRemainder::Unknown),
                },
                // The trailers of a dropped body are dropped as well.
                Ok(Piece::End | Piece::Trailers(_)) => state.body = BodyState::Taken,
                Ok(Piece::Incomplete) => match ready!(state.poll_fill(context)) {
                    Ok(count) if count > 0 => {}
                    // The connection has ended inside a body, in order or not: no other request
                    // follows.
                    _ => return Poll::Ready(BodyRemainder::Left),
                },
                // If chunks are malformed, each recipient finds the end of the body at another
                // place. What follows is not parsed.
                Err(_) => return Poll::Ready(BodyRemainder::Unknown),
            }
        }
    }

    /// What is left of the body, without waiting.
    pub(super) fn rest(&self) -> BodyRemainder {
        match self.lock().body {
            BodyState::Taken => BodyRemainder::None,
            BodyState::Lent | BodyState::Unwanted(_) => BodyRemainder::Some,
            BodyState::Unasked => BodyRemainder::Unknown,
        }
    }

    /// Closes the connection in order. What the client still sends is read for a while; otherwise a
    /// reset could destroy the response.
    pub(super) async fn close(self) {
        // RFC 9112 §9.6: closing a socket with unread bytes resets the connection, and the client
        // may see the reset before it has read the response. So the sending direction is closed
        // first, and the other one when the client has closed its own. A client that neither closes
        // nor stops sending is limited by time and by bytes.
        let ending = poll_fn(|context| {
            let mut state = self.lock();
            Pin::new(&mut state.io).poll_shutdown(context)
        });
        let mut budget = MAX_DRAIN;
        let draining = poll_fn(|context| {
            let mut state = self.lock();
            loop {
                match state.poll_fill(context) {
                    Poll::Ready(Ok(count)) if count > 0 && count <= budget => budget -= count,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
                state.read.clear();
            }
        });
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, async {
            // Nothing more is sent, so an error here changes nothing.
            let _ = ending.await;
            draining.await;
        })
        .await;
    }
}

impl<T: Source + AsyncWrite> State<T> {
    /// Reads once. Returns the number of bytes, 0 at the end of the stream.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        read_some(&mut self.io, &mut self.read, &mut self.read_size, context)
    }

    /// Writes what is sent before the final response.
    pub(super) fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Its size is limited by the number of interim responses that a server may send, see
        // `MAX_INTERIM_RESPONSES`.
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(context, &self.out))?;
            // A stream that accepts nothing now never will, and the loop would run forever.
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
            self.out_is_unflushed = true;
        }
        // TLS may hold back what was written until a flush. A flag remembers this, because the
        // buffer is already empty if the flush has to wait.
        if self.out_is_unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.out_is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the client leaves while its request is served. If its next request comes early,
    /// that is kept, up to a limit.
    pub(super) fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<Leave> {
        // A second reader would take the body's bytes, and replace the waker that its read has
        // registered.
        if matches!(self.body, BodyState::Lent) {
            return Poll::Pending; // the body's reader notices it
        }
        // Only a read shows that a client has left. The bytes that it brings are kept: the next
        // request, sent early (pipelined, RFC 9112 §9.3.2), or the rest of a body. If this many are
        // buffered, nothing more is read, TCP stops the client from sending, and only a failed
        // write shows that it leaves.
        while self.read.len() < MIN_READ && !self.has_ended {
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

    /// Between two requests: a client may be silent for long, so no large buffer is kept for it.
    pub(super) fn relax(&mut self) {
        if self.read.is_empty() && self.read_size > DEFAULT_READ {
            self.read = BytesMut::new();
            self.read_size = DEFAULT_READ;
        }
    }
}
