//! A connection to a provider, and one exchange on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, StatusCode};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep};

use super::upload::{DEFAULT_HEAD, Upload};
use crate::proxy::http1::fault::Fault;
use crate::proxy::http1::fields::may_be_whole;
use crate::proxy::http1::read_buffer::read_some;
use crate::proxy::http1::response_head::{self, Head};
use crate::proxy::http1::write::{self, RequestForm};
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{CONTINUE_TIMEOUT, FRESH, MAX_HEAD, MAX_INTERIM_RESPONSES, MIN_READ};
use crate::proxy::message::body::Streamed;
use crate::proxy::message::interim::Interim;

/// A connection that speaks HTTP/1.1. Its buffers take no memory to speak of between two exchanges.
///
/// It is owned by one place at a time, so no lock is needed for it:
///
/// ```text
/// new ──► exchange ── a final head ──► IncomingBody ── body ended, request out ──► Pool::put
///            ▲                                                                      │
///            └──────────────── Pool::take, where it is still quiet ◄────────────────┘
/// ```
///
/// Whatever else happens to it (a fault, a body that breaks off, `Connection: close`), its owner
/// drops it, which closes it.
#[derive(Debug)]
pub(in crate::proxy) struct Connection<T> {
    io: T,
    /// What came and was not yet taken.
    pub(super) read: BytesMut,
    /// How much is asked for at once: more where much comes.
    read_size: usize,
    /// What is to go out, and how much of it has.
    out: Vec<u8>,
    gone: usize,
    /// This task has just asked it for what nobody has sent, and will be woken when something
    /// comes.
    is_quiet: bool,
    /// When the request went out that it served last, or when it was made.
    pub(super) used: Instant,
    has_served: bool,
    /// The wait for a response. It is armed once and looked at when it ends, which spares each
    /// request the timer's lock.
    clock: Option<Pin<Box<Sleep>>>,
}

/// What is known of a request on its way.
#[derive(Debug)]
pub(in crate::proxy) struct Outgoing<'a> {
    pub(in crate::proxy) parts: &'a Parts,
    pub(in crate::proxy) form: RequestForm<'a>,
    /// The pieces of its body that have gone by, so that the wait for the response starts when the
    /// last one has.
    pub(in crate::proxy) pieces: &'a AtomicU64,
    /// How long the head of a response may take, from the last byte of the request that went out.
    pub(in crate::proxy) response_timeout: Duration,
    /// Where the interim responses go.
    pub(in crate::proxy) interim: &'a Interim,
}

impl<T: Source + AsyncWrite> Connection<T> {
    pub(in crate::proxy) fn new(io: T) -> Self {
        Self {
            io,
            read: BytesMut::new(),
            read_size: MIN_READ,
            out: Vec::new(),
            gone: 0,
            is_quiet: false,
            used: Instant::now(),
            has_served: false,
            clock: None,
        }
    }

    /// Whether it may serve another request: nothing has come that nobody asked for, not even its
    /// end.
    pub(in crate::proxy) fn is_quiet(&mut self, context: &mut Context<'_>) -> bool {
        // What comes without a request is no response to any (RFC 9112 §9.2): taken for the next
        // one's, it would give each client the response of another. Bytes and an end both make the
        // read ready; only a pending one shows that nothing has come.
        self.is_quiet = self.read.is_empty() && self.poll_fill(context).is_pending();
        self.is_quiet
    }

    /// Whether it was made just now, for a request that has yet to go out on it.
    pub(super) fn is_fresh(&self) -> bool {
        !self.has_served && self.used.elapsed() < FRESH
    }

    /// Whether nothing has come since the request went out.
    pub(in crate::proxy) fn is_unanswered(&self) -> bool {
        self.read.is_empty()
    }

    /// Sends a request and waits for the head of its response, which may come before the whole
    /// request is out.
    pub(in crate::proxy) async fn exchange(
        &mut self,
        request: &Outgoing<'_>,
        upload: &mut Upload<impl Streamed>,
    ) -> Result<Head, Fault> {
        self.out.clear();
        self.out.reserve(DEFAULT_HEAD);
        self.gone = 0;
        write::write(&mut self.out, request.parts, &request.form);
        let since = Instant::now();
        self.used = since;
        // Also where the exchange fails: a connection is new for one request only.
        self.has_served = true;
        let mut waiting = Waiting {
            since,
            pieces: request.pieces.load(Ordering::Relaxed),
            searched: 0,
            interim: 0,
            interim_bytes: 0,
            until_asked: None,
        };
        poll_fn(|context| self.poll_exchange(context, request, upload, &mut waiting)).await
    }

    /// One turn of an exchange, from what can be done now to what must be waited for:
    ///
    /// ```text
    /// send ──► read ── a final head, or a fault ────────────────────────────────► ends
    ///           ├── 100 ──► the body is released, and sent ──► read
    ///           ├── another interim head ──► to the client ──► read
    ///           └── nothing ── no 100 for CONTINUE_TIMEOUT ──► the body is released, and sent
    ///                       └─ no piece of the body for `response_timeout` ─────────────► ends, by a time-out
    /// ```
    fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &Outgoing<'_>,
        upload: &mut Upload<impl Streamed>,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        // What can be sent is sent before anything is read, and reading does not wait for all of
        // it: a server may refuse a body while that is on its way (RFC 9112 §9.5).
        self.send_now(context, upload)?;
        // The pool has just asked for bytes in this task and found none, so the first turn after
        // that spares a read.
        while !std::mem::take(&mut self.is_quiet) {
            let head = match self.poll_head(context, &request.parts.method, waiting) {
                Poll::Pending => break,
                Poll::Ready(Ok(head)) if is_interim(head.status) => head,
                ready @ Poll::Ready(_) => return ready,
            };
            waiting.interim += 1;
            let fields = head.headers.iter();
            let sizes = fields.map(|(name, value)| name.as_str().len() + value.len());
            waiting.interim_bytes += sizes.sum::<usize>();
            // The time for a response bounds how long they may come, and this how many of them, and
            // how much, waits for a client that does not read.
            if waiting.interim > MAX_INTERIM_RESPONSES || waiting.interim_bytes > MAX_HEAD {
                return Poll::Ready(Err(Fault::Malformed(
                    "it sends interim responses without end",
                )));
            }
            // RFC 9110 §10.1.1: the body is wanted. A 100 that nobody waits for changes nothing.
            if head.status == StatusCode::CONTINUE {
                upload.release();
                self.send_now(context, upload)?;
            }
            request.interim.push(head.status, head.headers);
        }
        // Servers of HTTP/1.0, and some others, never send 100. RFC 9110 §10.1.1: a client does not
        // wait for it without end.
        if upload.is_held() && waiting.has_been_patient(context) {
            upload.release();
            self.send_now(context, upload)?;
        }
        self.poll_patience(context, request, waiting)
    }

    /// Reads up to the end of the next head.
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        method: &Method,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        loop {
            // As in `Server::next_head`: one parse at first, then a search for an empty line, so
            // that a head that comes byte for byte is not parsed for each of them.
            let may_be_whole = !self.read.is_empty()
                && (waiting.searched == 0
                    || self.read.len() > MAX_HEAD
                    || may_be_whole(&self.read, waiting.searched));
            if may_be_whole && let Some(head) = response_head::take(&mut self.read, method)? {
                waiting.searched = 0;
                return Poll::Ready(Ok(head));
            }
            waiting.searched = self.read.len();
            match ready!(self.poll_fill(context)) {
                // Whether anything came before that is for `is_unanswered` to say: only a request
                // that met a connection already closed may go out again (RFC 9112 §9.3.1).
                Ok(0) => return Poll::Ready(Err(Fault::Closed(None))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(Fault::Closed(Some(error)))),
            }
        }
    }

    /// Ends the wait where nothing of the request has moved for too long.
    fn poll_patience(
        &mut self,
        context: &mut Context<'_>,
        request: &Outgoing<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        // Bounds a server that takes a request and never answers. The clock may be that of an
        // earlier exchange, and end too early for this one: its end is only the occasion to look
        // how long nothing has moved.
        let clock = self.clock.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep_until(
                waiting.since + request.response_timeout,
            ))
        });
        while clock.as_mut().poll(context).is_ready() {
            let pieces = request.pieces.load(Ordering::Relaxed);
            // The body has moved since the last look: a long upload is not cut off amid its way. So
            // the wait ends after one to two times the response_timeout, and no piece costs a look
            // at the clock.
            if pieces != waiting.pieces {
                (waiting.pieces, waiting.since) = (pieces, Instant::now());
            }
            let end = waiting.since + request.response_timeout;
            if end <= Instant::now() {
                return Poll::Ready(Err(Fault::Timeout));
            }
            clock.as_mut().reset(end);
        }
        Poll::Pending
    }

    /// Brings out what of the request can go now.
    fn send_now(
        &mut self,
        context: &mut Context<'_>,
        upload: &mut Upload<impl Streamed>,
    ) -> Result<(), Fault> {
        match self.poll_send(context, upload) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Ok(()),
        }
    }

    /// Brings the request out: what is in the buffer, and the body as it comes. Ready when all is
    /// out, or the server takes no more.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        upload: &mut Upload<impl Streamed>,
    ) -> Poll<Result<(), Fault>> {
        let Self { io, out, gone, .. } = self;
        upload.poll_send(context, io, out, gone)
    }

    /// Reads once; the number of bytes, 0 at the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        read_some(&mut self.io, &mut self.read, &mut self.read_size, context)
    }

    /// The exchange is over: the next one begins with nothing.
    pub(super) fn rest(&mut self) {
        // A pool may hold many connections. A buffer that has grown for a large body is given back,
        // a small one is kept for the next head.
        if self.read_size > MIN_READ {
            (self.read, self.read_size) = (BytesMut::new(), MIN_READ);
        }
        if self.out.capacity() > 2 * DEFAULT_HEAD {
            self.out = Vec::new();
        }
    }

    /// It has been idle for a while, and may be for longer.
    pub(super) fn relax(&mut self) {
        self.read = BytesMut::new();
        self.out = Vec::new();
    }

    /// The stream, and what has come on it already: for another protocol.
    pub(in crate::proxy) fn into_parts(self) -> (T, Bytes) {
        (self.io, self.read.freeze())
    }
}

/// How a wait for a response stands.
struct Waiting {
    since: Instant,
    /// Of the request's body, when that was last looked at.
    pieces: u64,
    /// Bytes in which no whole head was found.
    searched: usize,
    interim: usize,
    /// Bytes of their fields.
    interim_bytes: usize,
    /// For a server that does not say whether it wants the body.
    until_asked: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    /// Whether a client that expects 100 has been held up for long enough.
    fn has_been_patient(&mut self, context: &mut Context<'_>) -> bool {
        let sleep = || Box::pin(tokio::time::sleep(CONTINUE_TIMEOUT));
        let clock = self.until_asked.get_or_insert_with(sleep);
        clock.as_mut().poll(context).is_ready()
    }
}

/// 101 ends the exchange, whatever comes after it.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
