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

use super::asked::{After, Asked};
use super::body::ClientBody;
use super::download::Download;
use super::wire::{Leave, Rest, Wire};
use crate::proxy::http1::fault::MalformedHead;
use crate::proxy::http1::fields::may_be_whole;
use crate::proxy::http1::request_head::{self, RequestHead};
use crate::proxy::http1::write::{self, Framing};
use crate::proxy::io::activity::Clock;
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{
    DRAIN_TIMEOUT, HALF_CLOSED_WAIT, HEAD_TIMEOUT, LARGEST_DRAIN, LARGEST_HEAD,
};
use crate::proxy::message::body::Uploading;
use crate::proxy::message::interim::Interim;

/// A client's stream after a 101, and what has come on it already.
pub(in crate::proxy) type Upgrade<T> = oneshot::Receiver<(T, Bytes)>;

/// The server's end of a client's connection.
struct Server<T> {
    wire: Wire<T>,
    /// The wait for a head. It is started once, and looked at when it ends: a client that is silent
    /// is cut off after one to two times [`HEAD_TIMEOUT`], and no request pays for a look at the
    /// clock.
    clock: Clock,
    has_served: bool,
    interim: Interim,
    /// Empty between two answers, and kept.
    out: Vec<u8>,
}

/// Most heads of answers are shorter, in bytes; of a larger one the buffer is not kept.
const USUAL_HEAD: usize = 1024;

/// Serves a connection to its end. `respond` gets each request; where its client wishes for another
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
        out: Vec::with_capacity(USUAL_HEAD),
    };
    while let Some(head) = server.next_head().await {
        let head = match head {
            Ok(head) => head,
            Err(malformed) => return server.refuse(refuse(malformed)).await,
        };
        let asked = Asked::of(&head);
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
        let responding = pin!(respond(request, upgrade, interim));
        let Some(response) = server.unless_left(responding).await else {
            return;
        };
        match server.answer(response, asked).await {
            Ok(After::Next) => {}
            Ok(After::Close) => return server.wire.close().await,
            Ok(After::Switch) => {
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
        let mut searched = 0;
        poll_fn(|context| {
            let mut state = self.wire.lock();
            loop {
                let may_be_whole = !state.read.is_empty()
                    && (searched == 0
                        || state.read.len() > LARGEST_HEAD
                        || may_be_whole(&state.read, searched));
                if may_be_whole && let Some(head) = request_head::take(&mut state.read).transpose()
                {
                    self.has_served = true;
                    return Poll::Ready(Some(head));
                }
                searched = state.read.len();
                match state.poll_fill(context) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    Poll::Ready(_) => return Poll::Ready(None),
                    Poll::Pending => break,
                }
            }
            state.relax();
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
        let mut patience = None;
        poll_fn(|context| {
            let worked = work.as_mut().poll(context);
            let mut state = self.wire.lock();
            for (status, headers) in self.interim.take() {
                write::write_interim(&mut state.out, status, &headers);
            }
            match (worked, state.poll_write_out(context)) {
                (Poll::Ready(output), _) => Poll::Ready(Some(output)),
                (Poll::Pending, Poll::Ready(Err(_))) => Poll::Ready(None),
                (Poll::Pending, _) => match ready!(state.poll_leave(context)) {
                    Leave::Broken => Poll::Ready(None),
                    Leave::Ended => {
                        let clock = || Box::pin(tokio::time::sleep(HALF_CLOSED_WAIT));
                        let clock = patience.get_or_insert_with(clock);
                        clock.as_mut().poll(context).map(|()| None)
                    }
                },
            }
        })
        .await
    }

    /// Sends an answer, and reads what is left of its request.
    async fn answer(
        &mut self,
        response: Response<impl Uploading>,
        asked: Asked,
    ) -> io::Result<After> {
        let (parts, body) = response.into_parts();
        let framing = Framing::of(asked.is_head, asked.version, parts.status, &body);
        let switches = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        let is_half_closed = self.wire.lock().has_ended;
        let persists = asked.persists
            && framing != Framing::UntilClose
            && self.wire.rest() != Rest::Unknown
            && !is_half_closed;
        let mut download = Download::new(
            body,
            framing,
            asked.takes_trailers,
            std::mem::take(&mut self.out),
        );
        let connection = match (persists || switches, asked.asks_to_persist) {
            (false, _) => Some("close"),
            (true, true) if asked.version == Version::HTTP_10 => Some("keep-alive"),
            (true, _) => None,
        };
        download.head().append(&mut self.wire.lock().out);
        write::write_answer(download.head(), &parts, framing, connection);
        let mut budget = LARGEST_DRAIN;
        let sent = poll_fn(|context| {
            self.poll_answer(context, &mut download, &mut budget, is_half_closed)
        })
        .await;
        if let Err(error) = sent {
            // In order, so that what has come of it reaches the client; but to one that takes a
            // close for the end, without one.
            let ends_in_order = download.is_broken() && download.shows_its_end();
            return ends_in_order.then_some(After::Close).ok_or(error);
        }
        let (mut body, out) = download.into_parts();
        self.out = out;
        if self.out.capacity() > 2 * USUAL_HEAD {
            self.out = Vec::with_capacity(USUAL_HEAD);
        }
        if switches {
            return Ok(After::Switch);
        }
        if body.uploads() {
            body.finish_upload().await?;
        }
        drop(body); // with it ends the answer, for the log
        let rest = poll_fn(|context| self.wire.poll_rest(context, &mut budget));
        match tokio::time::timeout(DRAIN_TIMEOUT, rest).await {
            Ok(Rest::None) if persists => Ok(After::Next),
            _ => Ok(After::Close),
        }
    }

    fn poll_answer(
        &self,
        context: &mut Context<'_>,
        download: &mut Download<impl Uploading>,
        budget: &mut usize,
        is_half_closed: bool,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(error)) = download.body().poll_upload(context) {
            return Poll::Ready(Err(error)); // the client has broken off its request, and leaves
        }
        loop {
            download.fill(context);
            // A client may send all of its request before it reads a word of the answer.
            let rest = self.wire.poll_rest(context, budget);
            let mut state = self.wire.lock();
            match download.poll_out(context, &mut state.io)? {
                Poll::Ready(true) => return Poll::Ready(Ok(())),
                Poll::Ready(false) => continue,
                Poll::Pending => {}
            }
            let has_left = match rest {
                Poll::Ready(Rest::Left) => true,
                Poll::Ready(Rest::None) if !is_half_closed => state.poll_leave(context).is_ready(),
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
        if self.answer(response, Asked::UNREADABLE).await.is_ok() {
            self.wire.close().await;
        }
    }
}
