//! HTTP/1.1 towards the client of an intercepted connection: one request after the other, each
//! handled in the task that has read it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use bytes::Bytes;
use http::{Request, Response, Version};
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;

use super::body::ClientBody;
use super::request_traits::{After, RequestTraits};
use super::wire::{Leave, Wire};
use crate::proxy::http1::fault::MalformedHead;
use crate::proxy::http1::fields::may_be_whole;
use crate::proxy::http1::request_head::{self, RequestHead};
use crate::proxy::http1::write::{self};
use crate::proxy::io::activity::Clock;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{HALF_CLOSED_WAIT, HEAD_TIMEOUT, MAX_HEAD};
use crate::proxy::message::body::Uploading;
use crate::proxy::message::interim::Interim;

/// A client's stream after a 101, and the bytes that were already read from it.
pub(in crate::proxy) type Upgrade<T> = oneshot::Receiver<(T, Bytes)>;

/// The server side of a client's connection.
///
/// It is in one of three states. Each state is a function, and all of them run in one task:
///
/// ```text
/// next_head   ── a request head ───────────────► unless_left
///             ── not a valid request ──────────► send (a refusal), then closed
///             ── silent for long, or ended ────► dropped
/// unless_left ── a response ───────────────────► send
///             ── the client leaves ────────────► dropped
/// send        ── response sent, request read ──► next_head
///             ── a 101 is sent ────────────────► the stream is handed over
///             ── no other request may follow ──► closed
///             ── the client leaves ────────────► dropped
///             ── the response breaks off ──────► closed, or dropped if a close would be its end
/// ```
///
/// "Closed" means in order ([`Wire::close`]), "dropped" means at once.
pub(super) struct Server<T> {
    pub(super) wire: Wire<T>,
    /// The timer for a head. It is not restarted for each request; when it fires, the connection
    /// ends if no request has come since it was started. So a silent client is cut off after one to
    /// two times [`HEAD_TIMEOUT`], and no request has to read the clock.
    clock: Clock,
    has_served: bool,
    interim: Interim,
    /// The buffer for the head of a response. It has no memory while a request is waited for.
    pub(super) out: Vec<u8>,
}

/// Most response heads are shorter than this, in bytes.
pub(super) const DEFAULT_HEAD: usize = 1024;

/// Serves a connection until it ends. `respond` gets each request; the receiver of the client's
/// stream, if the client asks for another protocol; and the queue for interim responses. `refuse`
/// makes the response to bytes that are not a valid request, which is the last response on the
/// connection.
pub(in crate::proxy) async fn serve<T, F, B>(
    io: T,
    mut respond: impl FnMut(Request<ClientBody<T>>, Option<Upgrade<T>>, Interim) -> F,
    refuse: impl Fn(MalformedHead) -> Response<B>,
) where
    T: Source + AsyncWrite,
    F: Future<Output = Response<B>>,
    B: Uploading,
{
    let mut server = Server {
        wire: Wire::new(io),
        clock: Clock::new(HEAD_TIMEOUT),
        has_served: false,
        interim: Interim::queue(false),
        out: Vec::new(),
    };
    while let Some(head) = server.next_head().await {
        let head = match head {
            Ok(head) => head,
            // The bytes after an invalid head may be its body, so none of them is parsed as a
            // request (request smuggling, RFC 9112 §11.2).
            Err(malformed) => return server.refuse(refuse(malformed)).await,
        };
        let asked = RequestTraits::of(&head);
        // The sender is used only after a 101 (RFC 9110 §7.8). If it is dropped, the receiver
        // learns that no stream will come.
        let (promise, upgrade) = if head.upgrades {
            let (promise, upgrade) = oneshot::channel();
            (Some(promise), Some(upgrade))
        } else {
            (None, None)
        };
        let request = server.request(head);
        let interim = match asked.version {
            Version::HTTP_11 => server.interim.clone(),
            _ => Interim::default(), // RFC 9110 §15.2: none for an HTTP/1.0 client
        };
        // Pinned here and lent to `unless_left`: if it were moved there, each connection would
        // reserve its size twice.
        let responding = pin!(respond(request, upgrade, interim));
        // The return drops the future, and with it the upstream request.
        let Some(response) = server.unless_left(responding).await else {
            return;
        };
        match server.send(response, asked).await {
            Ok(After::Next) => {}
            Ok(After::Close) => return server.wire.close().await,
            Ok(After::Switch) => {
                // `None` while a body still shares the stream: the bytes of a request must not be
                // relayed as another protocol's.
                if let (Some(promise), Some(parts)) = (promise, server.wire.into_parts()) {
                    let _ = promise.send(parts); // the receiver may have given up
                }
                return;
            }
            Err(_) => return, // dropped: see the diagram of `Server`
        }
    }
}

impl<T: Source + AsyncWrite> Server<T> {
    /// Waits for the head of the next request; `None` if the client sends no more, or is silent for
    /// too long.
    async fn next_head(&mut self) -> Option<Result<RequestHead, MalformedHead>> {
        // How many bytes of the buffer have been searched for the end of a head. None at first: a
        // pipelined request (RFC 9112 §9.3.2) may already be complete in the buffer.
        let mut searched = 0;
        poll_fn(|context| {
            let mut state = self.wire.lock();
            loop {
                // Most heads come in one read, so the first attempt parses at once. After that an
                // empty line is searched first: otherwise a client that sends one byte at a time
                // would make each byte cost a parse of the whole head. Beyond `MAX_HEAD` the head
                // is parsed without an empty line, because the parser reports that it is too large.
                let may_be_whole = !state.read.is_empty()
                    && (searched == 0
                        || state.read.len() > MAX_HEAD
                        || may_be_whole(&state.read, searched));
                if may_be_whole && let Some(head) = request_head::take(&mut state.read).transpose()
                {
                    self.has_served = true;
                    return Poll::Ready(Some(head));
                }
                searched = state.read.len();
                match state.poll_fill(context) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    // The connection ended inside a head: the request is incomplete (RFC 9112 §8),
                    // and gets no response, because the client is leaving.
                    Poll::Ready(_) => return Poll::Ready(None),
                    Poll::Pending => break,
                }
            }
            // Only before a wait: a request that is there already finds the buffers as they are.
            state.relax();
            self.out = Vec::new();
            // Only a complete head extends the time, and not a part of one: a client that sends its
            // head byte by byte to hold connections at little cost (the "Slowloris" attack) is cut
            // off like a silent one.
            while self.clock.has_ended(context) {
                if !std::mem::take(&mut self.has_served) {
                    return Poll::Ready(None);
                }
                self.clock.start(HEAD_TIMEOUT);
            }
            Poll::Pending
        })
        .await
    }

    fn request(&self, head: RequestHead) -> Request<ClientBody<T>> {
        let body = match head.length {
            None => ClientBody::none(),
            Some(length) => ClientBody::lent(&self.wire, length, head.expects),
        };
        let mut request = Request::new(body);
        *request.method_mut() = head.method;
        *request.uri_mut() = head.uri;
        *request.version_mut() = head.version;
        *request.headers_mut() = head.headers;
        request
    }

    /// Runs `work` until it ends or the client has left; `None` in the latter case.
    async fn unless_left<O>(&self, mut work: Pin<&mut impl Future<Output = O>>) -> Option<O> {
        let mut half_closed = None;
        poll_fn(|context| {
            // Without the lock: `work` reads the request's body, which takes the lock.
            let worked = work.as_mut().poll(context);
            let mut state = self.wire.lock();
            // After `work`, which queues them. They are written before its response, because they
            // precede it (RFC 9110 §15.2).
            for (status, headers) in self.interim.take() {
                write::write_interim(&mut state.out, status, &headers);
            }
            // A response that is ready is returned first: `send` writes the rest of the interim
            // responses before it. A failed write shows that the client has left, even if too much
            // has come from it to read on.
            match (worked, state.poll_write_out(context)) {
                (Poll::Ready(output), _) => Poll::Ready(Some(output)),
                (Poll::Pending, Poll::Ready(Err(_))) => Poll::Ready(None),
                (Poll::Pending, _) => match ready!(state.poll_leave(context)) {
                    Leave::Broken => Poll::Ready(None),
                    // A client may close only its sending direction and still read (a TCP
                    // half-close), or be gone. Both look the same from here. So the client gets its
                    // response if that comes soon; in case it is gone, the work must not go on for
                    // long.
                    Leave::Ended => {
                        let clock = || Box::pin(tokio::time::sleep(HALF_CLOSED_WAIT));
                        let clock = half_closed.get_or_insert_with(clock);
                        clock.as_mut().poll(context).map(|()| None)
                    }
                },
            }
        })
        .await
    }
}
