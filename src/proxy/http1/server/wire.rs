//! A client's end of an intercepted connection: what is read of it.

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

/// A client's connection, shared between what serves it and the body of its request. Both are in
/// one task and hold the lock for a look only; it is there because what is shared must be `Send`.
#[derive(Debug)]
pub(super) struct Wire<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) io: T,
    /// What came and was not yet taken.
    pub(super) read: BytesMut,
    read_size: usize,
    pub(super) body: BodyState,
    /// What goes out ahead of the final response: that the body is wanted (100), and the server's
    /// interim responses.
    pub(super) out: Vec<u8>,
    out_is_unflushed: bool,
    /// The client sends no more.
    pub(super) has_ended: bool,
}

/// Where the body of the request in hand is.
///
/// ```text
/// Taken    ── a head with a body ────────────► Lent
/// Lent     ── read to its end ───────────────► Taken
///          ── dropped before its end ────────► Unwanted
///          ── dropped before its 100 is sent ► Unasked, and the connection serves no other request
/// Unwanted ── the rest is read and dropped ──► Taken
/// ```
///
/// A next head is looked for in `Taken` only. So no byte of a body is ever read as a request, which
/// is how requests are smuggled (RFC 9112 §11.2).
#[derive(Debug, Default)]
pub(super) enum BodyState {
    /// All of it was taken, or there is none.
    #[default]
    Taken,
    /// With whoever sends it on.
    Lent,
    /// Nobody wants the rest.
    Unwanted(Decoder),
    /// The client waits for a word to send it, and has not got one: what it sends next is anybody's
    /// guess.
    Unasked,
}

/// What has become of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyRemainder {
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
pub(super) enum Leave {
    /// Its connection is broken.
    Broken,
    /// It sends no more. It may still read: that looks the same from here.
    Ended,
}

impl<T> Wire<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another part in it.
    pub(super) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Source + AsyncWrite> Wire<T> {
    pub(super) fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(State {
            io,
            read: BytesMut::new(),
            // Clients send little but heads, and a session may have thousands of connections
            // (`MAX_CONNECTIONS`).
            read_size: DEFAULT_READ,
            body: BodyState::Taken,
            out: Vec::new(),
            out_is_unflushed: false,
            has_ended: false,
        })))
    }

    /// The stream and what has come on it, once nobody else has a part in it.
    pub(super) fn into_parts(self) -> Option<(T, Bytes)> {
        // A body that still shares the stream would go on to read of it.
        let state = Arc::into_inner(self.0)?.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        Some((state.io, state.read.freeze()))
    }

    /// Reads and drops what nobody wants of the body; ready when it is known what follows.
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
                // Two readers would take each other's bytes. It comes back in this task, which then
                // looks here again.
                BodyState::Lent => return Poll::Pending,
                BodyState::Unwanted(decoder) => decoder,
            };
            match decoder.next(&mut state.read) {
                // RFC 9112 §9.3: a server reads the whole body or closes the connection, or the
                // rest would be taken for the next request. A body without end is cut off by the
                // bound.
                Ok(Piece::Data(data)) => match budget.checked_sub(data.len()) {
                    Some(left) => *budget = left,
                    None => return Poll::Ready(BodyRemainder::Unknown),
                },
                // Nobody has a use for the trailers of a body that was dropped.
                Ok(Piece::End | Piece::Trailers(_)) => state.body = BodyState::Taken,
                Ok(Piece::Incomplete) => match ready!(state.poll_fill(context)) {
                    Ok(count) if count > 0 => {}
                    // An end amid a body, in order or not: there is no next request.
                    _ => return Poll::Ready(BodyRemainder::Left),
                },
                // Where chunks are malformed, the end of the body is at another place for each
                // reader. What follows is not looked at.
                Err(_) => return Poll::Ready(BodyRemainder::Unknown),
            }
        }
    }

    /// What has become of the body, without a wait.
    pub(super) fn rest(&self) -> BodyRemainder {
        match self.lock().body {
            BodyState::Taken => BodyRemainder::None,
            BodyState::Lent | BodyState::Unwanted(_) => BodyRemainder::Some,
            BodyState::Unasked => BodyRemainder::Unknown,
        }
    }

    /// Ends the connection in order: what the client still sends is read for a while, or the
    /// response could be lost to it with a reset.
    pub(super) async fn close(self) {
        // RFC 9112 §9.6: a socket that is closed with unread bytes in it resets the connection, and
        // the reset may overtake the response on its way to the client. So the writing side is
        // closed first, and the reading side when the client has closed its own. A client that
        // neither closes nor stops to send is bounded by time and by bytes.
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
    /// Reads once; the number of bytes, 0 at the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        read_some(&mut self.io, &mut self.read, &mut self.read_size, context)
    }

    /// Writes what goes out ahead of the final response.
    pub(super) fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Its size is bounded by the heads that a server may send ahead of its response, see
        // `MAX_INTERIM_RESPONSES`.
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(context, &self.out))?;
            // A stream that takes nothing is not going to: the loop would turn forever.
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
            self.out_is_unflushed = true;
        }
        // TLS may hold what was written back until it is flushed. Noted beside the buffer, as the
        // wait may be in between the write and the flush.
        if self.out_is_unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.out_is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The client leaves while its request is under way: ready when it does. A next request that
    /// comes early is kept, up to a bound.
    pub(super) fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<Leave> {
        // A second reader would take the body's bytes, and its place as the one who is woken.
        if matches!(self.body, BodyState::Lent) {
            return Poll::Pending; // whoever has the body finds out
        }
        // Only a read tells that a client has left. What it brings is the beginning of a next
        // request, sent early (RFC 9112 §9.3.2). No more than this is kept of it: then nothing is
        // read, TCP holds the client up, and that it leaves shows by a failed write only.
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

    /// Between two requests: no large buffer is kept for a client that may be silent for long.
    pub(super) fn relax(&mut self) {
        if self.read.is_empty() && self.read_size > DEFAULT_READ {
            self.read = BytesMut::new();
            self.read_size = DEFAULT_READ;
        }
    }
}
