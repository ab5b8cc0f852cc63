//! HTTP/1.1 for the client of an intercepted connection: one request after the other, each answered
//! in the task that has read it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;

use super::body::ClientBody;
use super::download::Download;
use super::request_traits::{After, RequestTraits};
use super::wire::{BodyRemainder, Leave, Wire};
use crate::proxy::http1::fault::MalformedHead;
use crate::proxy::http1::fields::may_be_whole;
use crate::proxy::http1::request_head::{self, RequestHead};
use crate::proxy::http1::write::{self, Framing};
use crate::proxy::io::activity::Clock;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{DRAIN_TIMEOUT, HALF_CLOSED_WAIT, HEAD_TIMEOUT, MAX_DRAIN, MAX_HEAD};
use crate::proxy::message::body::Uploading;
use crate::proxy::message::interim::Interim;

/// A client's stream after a 101, and what has come on it already.
pub(in crate::proxy) type Upgrade<T> = oneshot::Receiver<(T, Bytes)>;

/// The server's end of a client's connection.
///
/// It is in one of three states, each a function, and all of them run in one task:
///
/// ```text
/// next_head   ── a head ─────────────────────► unless_left
///             ── no HTTP/1.1 ────────────────► send (a refusal), then closed
///             ── silent for long, or ended ──► dropped
/// unless_left ── a response ─────────────────► send
///             ── the client leaves ──────────► dropped
/// send          ── all is sent and all read ───► next_head
///             ── 101 is sent ────────────────► the stream is handed over
///             ── it serves no other request ─► closed
///             ── the client leaves ──────────► dropped
///             ── the response breaks off ────► closed, or dropped where a close would be its end
/// ```
///
/// To close is to end the connection in order ([`Wire::close`]); to drop it is to end it at once.
struct Server<T> {
    wire: Wire<T>,
    /// The wait for a head. It is started once, and looked at when it ends: a client that is silent
    /// is cut off after one to two times [`HEAD_TIMEOUT`], and no request pays for a look at the
    /// clock.
    clock: Clock,
    has_served: bool,
    interim: Interim,
    /// Empty between two responses, and kept.
    out: Vec<u8>,
}

/// Most heads of responses are shorter, in bytes; of a larger one the buffer is not kept.
const DEFAULT_HEAD: usize = 1024;

/// Serves a connection to its end. `respond` gets each request; where its client asks for another
/// protocol, a promise of its stream; and where the interim responses go. `refuse` makes the
/// response to what is no request, which is the last one.
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
        out: Vec::with_capacity(DEFAULT_HEAD),
    };
    while let Some(head) = server.next_head().await {
        let head = match head {
            Ok(head) => head,
            // What follows a head that cannot be read may be its body: nothing of it is read as a
            // request (RFC 9112 §11.2).
            Err(malformed) => return server.refuse(refuse(malformed)).await,
        };
        let asked = RequestTraits::of(&head);
        // Kept by a 101 only (RFC 9110 §7.8). Dropped, it tells who waits for the stream that none
        // comes.
        let (promise, upgrade) = if head.upgrades {
            let (promise, upgrade) = oneshot::channel();
            (Some(promise), Some(upgrade))
        } else {
            (None, None)
        };
        let request = server.request(head);
        let interim = match asked.version {
            Version::HTTP_11 => server.interim.clone(),
            _ => Interim::default(), // RFC 9110 §15.2: not to a client of HTTP/1.0
        };
        // Pinned here and lent to `unless_left`: moved in there, each connection would have room
        // for it twice.
        let responding = pin!(respond(request, upgrade, interim));
        // The return drops the work, and with it the request upstream.
        let Some(response) = server.unless_left(responding).await else {
            return;
        };
        match server.send(response, asked).await {
            Ok(After::Next) => {}
            Ok(After::Close) => return server.wire.close().await,
            Ok(After::Switch) => {
                // No parts where a body still shares the stream: a request's bytes must not be
                // relayed as another protocol's.
                if let (Some(promise), Some(parts)) = (promise, server.wire.into_parts()) {
                    let _ = promise.send(parts); // who asked for it may have given up
                }
                return;
            }
            Err(_) => return, // how a client leaves is its own affair
        }
    }
}

impl<T: Source + AsyncWrite> Server<T> {
    /// Waits for the head of the next request; `None` where the client sends no more.
    async fn next_head(&mut self) -> Option<Result<RequestHead, MalformedHead>> {
        // How much of the buffer is known to hold no end of a head. None of it at first: a request
        // that was sent early (pipelined, RFC 9112 §9.3.2) may be there already, whole.
        let mut searched = 0;
        poll_fn(|context| {
            let mut state = self.wire.lock();
            loop {
                // Most heads come in one read, so the first look is a parse at once. Later ones are
                // preceded by a search for an empty line, as a client that sends one byte at a time
                // could otherwise make each byte cost a parse of all of them. Beyond the bound the
                // parse decides without an empty line: it says that the head is too large.
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
                    // An end amid a head is no request (RFC 9112 §8), and there is nobody who could
                    // be told: the client leaves.
                    Poll::Ready(_) => return Poll::Ready(None),
                    Poll::Pending => break,
                }
            }
            // Only before a wait: a busy client's next request finds the buffer as it is.
            state.relax();
            // Only a whole head puts the end off, and not bytes of one: a client that sends its
            // head byte for byte, to hold connections with little limits ("Slowloris"), is cut off
            // like a silent one.
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

    /// Runs `work` until it ends or the client is gone; `None` in the latter case.
    async fn unless_left<O>(&self, mut work: Pin<&mut impl Future<Output = O>>) -> Option<O> {
        let mut response_timeout = None;
        poll_fn(|context| {
            // Without the lock: the work reads the request's body, which takes it.
            let worked = work.as_mut().poll(context);
            let mut state = self.wire.lock();
            // After the work, which is who brings them. They are written before its response is, as
            // they precede it (RFC 9110 §15.2).
            for (status, headers) in self.interim.take() {
                write::write_interim(&mut state.out, status, &headers);
            }
            // The response goes first: what has not gone out of the interim ones is sent ahead of
            // it by `send`. A failed write tells that the client is gone, also where nothing is
            // read of it because too much has come already.
            match (worked, state.poll_write_out(context)) {
                (Poll::Ready(output), _) => Poll::Ready(Some(output)),
                (Poll::Pending, Poll::Ready(Err(_))) => Poll::Ready(None),
                (Poll::Pending, _) => match ready!(state.poll_leave(context)) {
                    Leave::Broken => Poll::Ready(None),
                    // A client may close its sending direction and still read (RFC 9112 §9.6), or
                    // be gone. Both look the same from here, so it gets its response if that comes
                    // soon. Where it is gone, the work must not go on for long.
                    Leave::Ended => {
                        let clock = || Box::pin(tokio::time::sleep(HALF_CLOSED_WAIT));
                        let clock = response_timeout.get_or_insert_with(clock);
                        clock.as_mut().poll(context).map(|()| None)
                    }
                },
            }
        })
        .await
    }

    /// Sends a response, and reads what is left of its request.
    async fn send(
        &mut self,
        response: Response<impl Uploading>,
        asked: RequestTraits,
    ) -> io::Result<After> {
        let (parts, body) = response.into_parts();
        let framing = Framing::of(asked.is_head, asked.version, parts.status, &body);
        let switches = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        // A client that had ended its side before the response was there, and still gets one, is
        // served as one that reads on. An end that comes later is taken for its leave, see
        // `poll_response`.
        let is_half_closed = self.wire.lock().has_ended;
        // Another request may follow only where its beginning is certain. None follows if the
        // client closes, if the close is the end of this response, or if the client has ended its
        // side; and nothing is certain where a body may come that was never asked for.
        let persists = asked.persists
            && framing != Framing::UntilClose
            && self.wire.rest() != BodyRemainder::Unknown
            && !is_half_closed;
        let mut download = Download::new(
            body,
            framing,
            asked.takes_trailers,
            std::mem::take(&mut self.out),
        );
        // RFC 9112 §9.6: who will close says so, or the client could send a next request that
        // nobody reads. An HTTP/1.0 client that asked to persist must hear that it may (RFC 9112
        // §C.2.2). A 101 has its own `Connection: Upgrade`.
        let connection = match (persists || switches, asked.asks_to_persist) {
            (false, _) => Some("close"),
            (true, true) if asked.version == Version::HTTP_10 => Some("keep-alive"),
            (true, _) => None,
        };
        // What was to go out ahead of the response, and may have gone in part, stays ahead of it.
        download.head().append(&mut self.wire.lock().out);
        write::write_response(download.head(), &parts, framing, connection);
        // One bound for all that is read and dropped of this request, beside the response and after
        // it.
        let mut budget = MAX_DRAIN;
        let sent = poll_fn(|context| {
            self.poll_response(context, &mut download, &mut budget, is_half_closed)
        })
        .await;
        if let Err(error) = sent {
            // Where the response has broken off, the connection is closed in order, so that what
            // has come of it reaches the client. A client that knows a length, or reads chunks,
            // sees that it is not whole (RFC 9112 §8). To one that reads until the close, a close
            // in order would be the end of the body; without a close_notify it can tell (RFC 9112
            // §9.8).
            let ends_in_order = download.is_broken() && download.shows_its_end();
            return ends_in_order.then_some(After::Close).ok_or(error);
        }
        let (mut body, out) = download.into_parts();
        self.out = out;
        // A client may be silent for minutes between two requests. For that time a buffer as large
        // as the largest head would be kept for each.
        if self.out.capacity() > 2 * DEFAULT_HEAD {
            self.out = Vec::with_capacity(DEFAULT_HEAD);
        }
        if switches {
            return Ok(After::Switch);
        }
        // The response has ended, and some of the request has not gone out yet. RFC 9112 §9.3 lets
        // a server answer first and read on; the upload is bounded by how long the server may take
        // nothing of it.
        if body.uploads() {
            body.finish_upload().await?;
        }
        drop(body); // with it ends the response, for the log
        // A body that was not read to its end is given back by the drop above, and is read and
        // dropped here: the next request begins behind its end. A client that sends the rest
        // slowly, or without end, is cut off.
        let rest = poll_fn(|context| self.wire.poll_rest(context, &mut budget));
        match tokio::time::timeout(DRAIN_TIMEOUT, rest).await {
            Ok(BodyRemainder::None) if persists => Ok(After::Next),
            _ => Ok(After::Close),
        }
    }

    fn poll_response(
        &self,
        context: &mut Context<'_>,
        download: &mut Download<impl Uploading>,
        budget: &mut usize,
        is_half_closed: bool,
    ) -> Poll<io::Result<()>> {
        // The upload goes on while the response is sent: a server may read and answer in turns, so
        // neither direction may wait for the other.
        if let Poll::Ready(Err(error)) = download.body().poll_upload(context) {
            return Poll::Ready(Err(error)); // the client has broken off its request, and leaves
        }
        loop {
            // Before the lock is taken: this may poll the request's body, which takes it.
            download.fill(context);
            // A client may send all of its request before it reads a word of the response.
            let rest = self.wire.poll_rest(context, budget);
            let mut state = self.wire.lock();
            match download.poll_out(context, &mut state.io)? {
                Poll::Ready(true) => return Poll::Ready(Ok(())),
                Poll::Ready(false) => continue,
                Poll::Pending => {}
            }
            // The response waits, for its own next piece or for the client to read. A client that
            // leaves now would be noticed by no write if the response is silent for long, as event
            // streams are. One that had ended its side before shows no second end. A body that is
            // still lent out is read by whoever has it, as far as they have room for it.
            let has_left = match rest {
                Poll::Ready(BodyRemainder::Left) => true,
                // What follows an unknown rest is not read as a request, so looking takes nothing.
                Poll::Ready(BodyRemainder::None | BodyRemainder::Unknown) if !is_half_closed => {
                    state.poll_leave(context).is_ready()
                }
                _ => false,
            };
            return if has_left {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            } else {
                Poll::Pending
            };
        }
    }

    /// Answers what is no request, and closes.
    async fn refuse(mut self, response: Response<impl Uploading>) {
        if self.send(response, RequestTraits::UNREADABLE).await.is_ok() {
            self.wire.close().await;
        }
    }
}
