//! A connection to a provider, and one exchange on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::Fault;
use super::framing::{LAST_CHUNK, Length};
use super::head::{self, Head, RequestForm};
use crate::proxy::body::{Passage, RequestBody};
use crate::proxy::limits::{
    LARGEST_HEAD, LARGEST_READ, MOST_INTERIM_ANSWERS, SMALLEST_READ, UPSTREAM_WRITE_BUFFER,
};
use crate::proxy::stream::Source;
use crate::proxy::upstream_stream::UpstreamStream;

/// Most heads of requests are shorter, in bytes.
const USUAL_HEAD: usize = 2048;

/// A connection that speaks HTTP/1.1. Its buffers take no memory to speak of between two exchanges.
#[derive(Debug)]
pub(in crate::proxy) struct Connection {
    io: UpstreamStream,
    /// What came and was not yet taken.
    pub(super) read: BytesMut,
    /// How much is asked for at once: more where much comes.
    appetite: usize,
    /// What is to go out, and how much of it has.
    out: Vec<u8>,
    gone: usize,
    /// This task has just asked it for what nobody has sent, and will be woken when something comes.
    is_quiet: bool,
    /// When the request went out that it served last.
    pub(super) used: Instant,
    /// The wait for an answer. It is armed once and looked at when it ends, which spares each request the timer's lock.
    clock: Option<Pin<Box<Sleep>>>,
}

/// What is known of a request on its way.
#[derive(Debug)]
pub(in crate::proxy) struct Outgoing<'a> {
    pub(in crate::proxy) parts: &'a Parts,
    pub(in crate::proxy) form: RequestForm<'a>,
    pub(in crate::proxy) passage: &'a Passage,
    /// How long the head of an answer may take, from the last byte of the request that went out.
    pub(in crate::proxy) patience: Duration,
}

/// A request's body on its way out.
#[derive(Debug)]
pub(in crate::proxy) struct Upload {
    body: RequestBody,
    length: Option<Length>,
    /// The names of the trailers that the request has announced.
    trailers: Vec<HeaderName>,
    state: Sending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// More of the body may come.
    Body,
    /// The server takes no more, but may have answered.
    Deaf,
    /// All is out.
    Done,
    /// What is in the buffer is the last.
    Last,
}

impl Upload {
    pub(in crate::proxy) fn new(body: RequestBody, parts: &Parts) -> Self {
        let length = length_of(&body);
        let trailers = match length {
            Some(Length::Chunked) => announced(&parts.headers),
            _ => Vec::new(),
        };
        Self {
            state: if length.is_none() {
                Sending::Last
            } else {
                Sending::Body
            },
            body,
            length,
            trailers,
        }
    }

    /// How the end of the body will be told.
    pub(in crate::proxy) fn length(&self) -> Option<Length> {
        self.length
    }

    /// Whether nothing of the body has been asked for, so that the request could go out on another connection.
    pub(in crate::proxy) fn is_untouched(&self) -> bool {
        self.length.is_none()
    }

    /// Whether all of it is out.
    pub(super) fn is_over(&self) -> bool {
        self.state == Sending::Done
    }

    /// Whether the server takes no more of it.
    pub(super) fn is_deaf(&self) -> bool {
        self.state == Sending::Deaf
    }
}

impl Connection {
    pub(in crate::proxy) fn new(io: UpstreamStream) -> Self {
        Self {
            io,
            read: BytesMut::new(),
            appetite: SMALLEST_READ,
            out: Vec::new(),
            gone: 0,
            is_quiet: false,
            used: Instant::now(),
            clock: None,
        }
    }

    /// Whether it may serve another request: nothing has come that nobody asked for, not even its end.
    pub(in crate::proxy) fn is_quiet(&mut self, context: &mut Context<'_>) -> bool {
        self.is_quiet = self.read.is_empty() && self.poll_fill(context).is_pending();
        self.is_quiet
    }

    /// Whether nothing has come since the request went out.
    pub(in crate::proxy) fn is_unanswered(&self) -> bool {
        self.read.is_empty()
    }

    /// Sends a request and waits for the head of its answer, which may come before the whole request is out.
    pub(in crate::proxy) async fn exchange(
        &mut self,
        request: &Outgoing<'_>,
        upload: &mut Upload,
    ) -> Result<Head, Fault> {
        self.out.clear();
        self.out.reserve(USUAL_HEAD);
        self.gone = 0;
        head::write(&mut self.out, request.parts, &request.form);
        if upload.state == Sending::Done || upload.state == Sending::Deaf {
            upload.state = Sending::Last; // an empty body, on another connection
        }
        let since = Instant::now();
        self.used = since;
        let mut waiting = Waiting {
            since,
            pieces: request.passage.pieces.load(Ordering::Relaxed),
            searched: 0,
            interim: 0,
        };
        poll_fn(|context| self.poll_exchange(context, request, upload, &mut waiting)).await
    }

    fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        request: &Outgoing<'_>,
        upload: &mut Upload,
        waiting: &mut Waiting,
    ) -> Poll<Result<Head, Fault>> {
        if let Poll::Ready(Err(fault)) = self.poll_send(context, upload) {
            return Poll::Ready(Err(fault));
        }
        while !std::mem::take(&mut self.is_quiet) {
            match self.poll_head(context, &request.parts.method, waiting) {
                Poll::Pending => break,
                Poll::Ready(Ok(head)) if is_interim(head.status) => {
                    waiting.interim += 1;
                    if waiting.interim > MOST_INTERIM_ANSWERS {
                        return Poll::Ready(Err(Fault::Malformed(
                            "it sends interim answers without end",
                        )));
                    }
                }
                ready @ Poll::Ready(_) => return ready,
            }
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
            let may_be_whole = !self.read.is_empty()
                && (waiting.searched == 0
                    || self.read.len() > LARGEST_HEAD
                    || head::may_be_whole(&self.read, waiting.searched));
            if may_be_whole && let Some(head) = head::take(&mut self.read, method)? {
                waiting.searched = 0;
                return Poll::Ready(Ok(head));
            }
            waiting.searched = self.read.len();
            match ready!(self.poll_fill(context)) {
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
        let clock = self.clock.get_or_insert_with(|| {
            Box::pin(tokio::time::sleep_until(waiting.since + request.patience))
        });
        while clock.as_mut().poll(context).is_ready() {
            let pieces = request.passage.pieces.load(Ordering::Relaxed);
            if pieces != waiting.pieces {
                (waiting.pieces, waiting.since) = (pieces, Instant::now());
            }
            let end = waiting.since + request.patience;
            if end <= Instant::now() {
                return Poll::Ready(Err(Fault::Timeout));
            }
            clock.as_mut().reset(end);
        }
        Poll::Pending
    }

    /// Brings the request out: what is in the buffer, and the body as it comes. Ready when all is out, or the server takes no more.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        upload: &mut Upload,
    ) -> Poll<Result<(), Fault>> {
        let Self { io, out, gone, .. } = self;
        send(io, out, gone, context, upload)
    }

    /// Reads once; the number of bytes, 0 at the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        read_some(&mut self.io, &mut self.read, &mut self.appetite, context)
    }

    /// The exchange is over: the next one begins with nothing.
    pub(super) fn rest(&mut self) {
        if self.appetite > SMALLEST_READ {
            (self.read, self.appetite) = (BytesMut::new(), SMALLEST_READ);
        }
        if self.out.capacity() > 2 * USUAL_HEAD {
            self.out = Vec::new();
        }
    }

    /// It has been idle for a while, and may be for longer.
    pub(super) fn relax(&mut self) {
        self.read = BytesMut::new();
        self.out = Vec::new();
    }

    /// The stream, and what has come on it already: for another protocol, or for an upload that outlasts its answer's head.
    pub(in crate::proxy) fn into_parts(self) -> (UpstreamStream, Bytes, Unsent) {
        let Self {
            io,
            read,
            out,
            gone,
            ..
        } = self;
        (io, read.freeze(), Unsent { out, gone })
    }
}

/// What was to go out on a connection that was taken apart.
#[derive(Debug)]
pub(in crate::proxy) struct Unsent {
    out: Vec<u8>,
    gone: usize,
}

impl Unsent {
    /// Brings the rest of a request out on the writing half of its connection.
    pub(super) async fn finish(mut self, mut io: impl AsyncWrite + Unpin, mut upload: Upload) {
        let Self { out, gone } = &mut self;
        // What comes of it shows in the answer.
        let _ = poll_fn(|context| send(&mut io, out, gone, context, &mut upload)).await;
    }
}

/// How a wait for an answer stands.
struct Waiting {
    since: Instant,
    /// Of the request's body, when that was last looked at.
    pieces: u64,
    /// Bytes in which no whole head was found.
    searched: usize,
    interim: usize,
}

/// Reads once into the buffer, by as little work as may be until much comes.
pub(super) fn read_some(
    io: &mut impl Source,
    read: &mut BytesMut,
    appetite: &mut usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    ready!(io.poll_readable(context));
    if *appetite > SMALLEST_READ {
        return fill(io, read, appetite, context);
    }
    if read.capacity() - read.len() < *appetite / 2 {
        read.reserve(*appetite);
    }
    let count = ready!(io.poll_append(context, read))?;
    if count >= SMALLEST_READ {
        *appetite = 2 * SMALLEST_READ;
    }
    Poll::Ready(Ok(count))
}

/// Reads into the buffer; what is asked for grows with what comes.
pub(super) fn fill(
    io: &mut (impl AsyncRead + Unpin),
    read: &mut BytesMut,
    appetite: &mut usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    if read.capacity() - read.len() < *appetite / 2 {
        read.reserve(*appetite);
    }
    let room = read.capacity() - read.len();
    let count = ready!(pin!(io.read_buf(read)).poll(context))?;
    if count == room {
        *appetite = (*appetite * 2).min(LARGEST_READ);
    }
    Poll::Ready(Ok(count))
}

fn send(
    io: &mut (impl AsyncWrite + Unpin),
    out: &mut Vec<u8>,
    gone: &mut usize,
    context: &mut Context<'_>,
    upload: &mut Upload,
) -> Poll<Result<(), Fault>> {
    if matches!(upload.state, Sending::Deaf | Sending::Done) {
        return Poll::Ready(Ok(()));
    }
    loop {
        while upload.state == Sending::Body && out.len() < UPSTREAM_WRITE_BUFFER {
            if upload.poll_body(context, out)?.is_pending() {
                break;
            }
        }
        let written = if *gone < out.len() {
            Pin::new(&mut *io).poll_write(context, &out[*gone..])
        } else {
            match ready_or_deaf(Pin::new(&mut *io).poll_flush(context), upload) {
                Poll::Ready(()) if upload.state == Sending::Body => return Poll::Pending,
                Poll::Ready(()) => {
                    upload.state = if upload.state == Sending::Deaf {
                        Sending::Deaf
                    } else {
                        Sending::Done
                    };
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => return Poll::Pending,
            }
        };
        match written {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(count)) if count > 0 => *gone += count,
            // A server may answer and close before it has read all: what it said is read next, and where it said nothing, its end is.
            Poll::Ready(_) => {
                upload.state = Sending::Deaf;
                return Poll::Ready(Ok(()));
            }
        }
        if *gone == out.len() {
            let end = out.len().min(4 * USUAL_HEAD);
            out[..end].fill(0); // the head, which has the token, is no longer
            out.clear();
            *gone = 0;
        }
    }
}

fn ready_or_deaf(flushed: Poll<io::Result<()>>, upload: &mut Upload) -> Poll<()> {
    flushed.map(|flushed| {
        if flushed.is_err() {
            upload.state = Sending::Deaf;
        }
    })
}

impl Upload {
    /// Puts the next piece of the body into the buffer.
    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Poll<()>, Fault> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            return Ok(Poll::Pending);
        };
        let chunked = self.length == Some(Length::Chunked);
        match frame.transpose().map_err(Fault::Body)? {
            None => {
                self.finish(out, None)?;
            }
            Some(frame) => match frame.into_data() {
                Ok(data) if chunked && !data.is_empty() => {
                    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                    out.extend_from_slice(&data);
                    out.extend_from_slice(b"\r\n");
                }
                Ok(data) => {
                    if let Some(Length::Known(left)) = &mut self.length {
                        let more = || Fault::Body(io::Error::other("the body is longer than said"));
                        *left = left.checked_sub(data.len() as u64).ok_or_else(more)?;
                    }
                    out.extend_from_slice(&data);
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().ok();
                    self.finish(out, trailers.as_ref())?;
                }
            },
        }
        if self.state == Sending::Body && self.body.is_end_stream() {
            self.finish(out, None)?;
        }
        Ok(Poll::Ready(()))
    }

    fn finish(&mut self, out: &mut Vec<u8>, trailers: Option<&HeaderMap>) -> Result<(), Fault> {
        self.state = Sending::Last;
        match self.length {
            Some(Length::Known(0)) | None => Ok(()),
            Some(Length::Chunked) => {
                match trailers {
                    None => out.extend_from_slice(LAST_CHUNK),
                    Some(trailers) => self.write_trailers(out, trailers),
                }
                Ok(())
            }
            Some(_) => Err(Fault::Body(io::Error::other(
                "the body is shorter than said",
            ))),
        }
    }

    fn write_trailers(&self, out: &mut Vec<u8>, trailers: &HeaderMap) {
        out.extend_from_slice(b"0\r\n");
        for (name, value) in trailers
            .iter()
            .filter(|(name, _)| self.trailers.contains(name))
        {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// 101 ends the exchange, whatever comes after it.
fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}

fn length_of(body: &RequestBody) -> Option<Length> {
    if body.is_end_stream() {
        return None;
    }
    Some(
        body.size_hint()
            .exact()
            .map_or(Length::Chunked, Length::Known),
    )
}

/// The trailers that a request announces, and may.
fn announced(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = headers.get_all(header::TRAILER).iter();
    names
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| !is_for_the_head(name))
        .collect()
}

/// Fields that frame, route or authenticate a message have no place behind it (RFC 9110 §6.5.1).
pub(super) fn is_for_the_head(name: &HeaderName) -> bool {
    [
        header::AUTHORIZATION,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::HOST,
        header::PROXY_AUTHORIZATION,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
    ]
    .contains(name)
}
