//! A connection to a provider, and one exchange (a request and its response) on it.

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

use super::out::Out;
use super::upload::Upload;
use super::waiting::Waiting;
use crate::proxy::http1::fault::Fault;
use crate::proxy::http1::fields::may_be_whole;
use crate::proxy::http1::read_buffer::read_some;
use crate::proxy::http1::response_head::{self, Head};
use crate::proxy::http1::write::RequestForm;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{FRESH, MAX_HEAD, MAX_INTERIM_RESPONSES, MIN_READ};
use crate::proxy::message::body::Streamed;
use crate::proxy::message::interim::Interim;

/// An HTTP/1.1 connection to a provider. Between two exchanges its buffers are small.
///
/// It has exactly one owner at a time, so it needs no lock:
///
/// ```text
/// new, or Pool::take ─► exchange ─ a final head ─► IncomingBody
///     IncomingBody ─ body ended, request sent ─► Pool::put
///     Pool::put ─ another request, and nothing has come on it ─► Pool::take
/// ```
///
/// In every other case (a fault, a body that breaks off, `Connection: close`) its owner drops it,
/// which closes it.
#[derive(Debug)]
pub(in crate::proxy) struct Connection<T> {
    io: T,
    /// Bytes that were read and not consumed yet.
    pub(super) read: BytesMut,
    /// How much the next read asks for: more when much comes.
    read_size: usize,
    out: Out,
    /// Set by [`Self::is_quiet()`]: a read has just found nothing, and has registered this task's
    /// waker for what comes.
    is_quiet: bool,
    /// Whether an interim response has come in this exchange.
    has_heard: bool,
    /// When the last exchange started; before the first one, when the connection was made.
    pub(super) used: Instant,
    has_served: bool,
    /// The timer for the response, kept from one exchange to the next. It is not reset for each
    /// request, because that takes the timer's lock. When it fires, `poll_patience` looks how long
    /// nothing has moved.
    clock: Option<Pin<Box<Sleep>>>,
}

/// A request to send, and what its exchange needs to know.
#[derive(Debug)]
pub(in crate::proxy) struct Outgoing<'a> {
    pub(in crate::proxy) parts: &'a Parts,
    pub(in crate::proxy) form: RequestForm<'a>,
    /// Counts the pieces of its body that have been sent, so that the wait for the response starts
    /// after the last one.
    pub(in crate::proxy) pieces: &'a AtomicU64,
    /// How long the head of the response may take after the last byte of the request was sent.
    pub(in crate::proxy) response_timeout: Duration,
    /// Where interim responses are forwarded to.
    pub(in crate::proxy) interim: &'a Interim,
}

impl<T: Source + AsyncWrite> Connection<T> {
    pub(in crate::proxy) fn new(io: T) -> Self {
        Self {
            io,
            read: BytesMut::new(),
            read_size: MIN_READ,
            out: Out::default(),
            is_quiet: false,
            has_heard: false,
            used: Instant::now(),
            has_served: false,
            clock: None,
        }
    }

    /// Whether it can serve another request: nothing has come that was not asked for, neither bytes
    /// nor the end of the stream.
    pub(in crate::proxy) fn is_quiet(&mut self, context: &mut Context<'_>) -> bool {
        // Bytes that come without a request are not a response to any request (RFC 9112 §9.2).
        // Taken for the response to the next request, they would give each client the response to
        // another client's request (response queue poisoning). Bytes and an end of the stream both
        // make a read ready; only a pending read shows that nothing has come.
        self.is_quiet = self.read.is_empty() && self.poll_fill(context).is_pending();
        self.is_quiet
    }

    /// Whether it was made just now, and has not been used for a request yet.
    pub(super) fn is_fresh(&self) -> bool {
        !self.has_served && self.used.elapsed() < FRESH
    }

    /// Whether no bytes of a response have come since the request was sent, not even an interim
    /// response: the server may not have begun with the request.
    pub(in crate::proxy) fn is_unanswered(&self) -> bool {
        self.read.is_empty() && !self.has_heard
    }

    /// Sends a request and waits for the head of its final response, which may come before the
    /// whole request is sent.
    pub(in crate::proxy) async fn exchange(
        &mut self,
        request: &Outgoing<'_>,
        upload: &mut Upload<impl Streamed>,
    ) -> Result<Head, Fault> {
        self.out.put_head(request.parts, &request.form);
        self.has_heard = false;
        let since = Instant::now();
        self.used = since;
        // Also set if the exchange fails: a connection is fresh for one request only.
        self.has_served = true;
        let mut waiting = Waiting::new(since, request.pieces.load(Ordering::Relaxed));
        poll_fn(|context| self.poll_exchange(context, request, upload, &mut waiting)).await
    }

    /// Polls an exchange once: does what can be done now, and then waits:
    ///
    /// ```text
    /// send ─► read ─ a final head, or a fault ─► the exchange ends
    ///              ─ 100 ─► release the body, send ─► read
    ///              ─ another interim head ─► forward it ─► read
    ///              ─ nothing, and no 100 for CONTINUE_TIMEOUT ─► release the body, send
    ///              ─ nothing, and no piece sent for `response_timeout` ─► a time-out
    /// ```
    fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &Outgoing<'_>,
        upload: &mut Upload<impl Streamed>,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        // Send what can be sent before reading. Reading does not wait until the whole request is
        // sent: a server may reject a body while it is still on its way (RFC 9112 §9.5).
        self.send_now(context, upload)?;
        // `Pool::take` has just polled the stream in this task and found nothing, so the first poll
        // after that skips a read.
        while !std::mem::take(&mut self.is_quiet) {
            let head = match self.poll_head(context, &request.parts.method, waiting) {
                Poll::Pending => break,
                Poll::Ready(Ok(head)) if is_interim(head.status) => head,
                ready @ Poll::Ready(_) => return ready,
            };
            self.has_heard = true;
            waiting.interim += 1;
            let fields = head.headers.iter();
            let sizes = fields.map(|(name, value)| name.as_str().len() + value.len());
            waiting.interim_bytes += sizes.sum::<usize>();
            // `response_timeout` limits how long interim responses may come. This limits their
            // number and size, because they are queued if the client does not read.
            if waiting.interim > MAX_INTERIM_RESPONSES || waiting.interim_bytes > MAX_HEAD {
                return Poll::Ready(Err(Fault::Malformed(
                    "it sends interim responses without end",
                )));
            }
            // RFC 9110 §10.1.1: the server wants the body. A 100 that the upload does not wait for
            // changes nothing.
            if head.status == StatusCode::CONTINUE {
                upload.release();
                self.send_now(context, upload)?;
            }
            request.interim.push(head.status, head.headers);
        }
        // HTTP/1.0 servers, and some others, never send a 100. RFC 9110 §10.1.1: a client should
        // not wait for it indefinitely.
        if upload.is_held() && waiting.has_been_patient(context) {
            upload.release();
            self.send_now(context, upload)?;
        }
        self.poll_patience(context, request, waiting)
    }

    /// Reads up to the end of the next response head.
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        method: &Method,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        loop {
            // As in `Server::next_head`: the first attempt parses at once. After that an empty line
            // is searched first, so that a head that comes byte by byte is not parsed for each
            // byte.
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
                // `is_unanswered` says whether bytes had come before the end. A request may be sent
                // again only if its connection was already closed when it was sent (RFC 9112
                // §9.3.1).
                Ok(0) => return Poll::Ready(Err(Fault::Closed(None))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(Fault::Closed(Some(error)))),
            }
        }
    }

    /// Ends the exchange if it has made no progress for too long.
    fn poll_patience(
        &mut self,
        context: &mut Context<'_>,
        request: &Outgoing<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        // Limits a server that takes a request and never responds. The timer may be left from an
        // earlier exchange and fire too early for this one. So when it fires, only the time since
        // the last progress decides.
        let clock = self.clock.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep_until(
                waiting.since + request.response_timeout,
            ))
        });
        while clock.as_mut().poll(context).is_ready() {
            let pieces = request.pieces.load(Ordering::Relaxed);
            // The body has moved since the last look, so a long upload is not cut off midway. The
            // exchange ends after one to two times `response_timeout` without progress, and no
            // piece of the body has to read the clock.
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

    /// Sends the part of the request that can be sent now.
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

    /// Sends the request: what is in the buffer, and the body as it comes. Ready when everything is
    /// sent, or the server accepts no more.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        upload: &mut Upload<impl Streamed>,
    ) -> Poll<Result<(), Fault>> {
        upload.poll_send(context, &mut self.io, &mut self.out)
    }

    /// Reads once. Returns the number of bytes, 0 at the end of the stream.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        read_some(&mut self.io, &mut self.read, &mut self.read_size, context)
    }

    /// Releases large buffers at the end of an exchange.
    pub(super) fn rest(&mut self) {
        // A pool may hold many connections. A buffer that has grown for a large body is released; a
        // small one is kept for the next head.
        if self.read_size > MIN_READ {
            (self.read, self.read_size) = (BytesMut::new(), MIN_READ);
        }
        self.out.release_if_large();
    }

    /// Releases all buffers of a connection that has been idle for a while, and may stay idle.
    pub(super) fn relax(&mut self) {
        self.read = BytesMut::new();
        self.out = Out::default();
    }

    /// The stream, and the bytes that were already read from it, for another protocol.
    pub(in crate::proxy) fn into_parts(self) -> (T, Bytes) {
        (self.io, self.read.freeze())
    }
}

/// A 101 is not interim here: it ends the exchange, and another protocol follows.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
