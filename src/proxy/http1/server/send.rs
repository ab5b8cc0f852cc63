//! Sends a response while its request is still read, and then reads what is left of that.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use http::{Response, StatusCode, Version};
use tokio::io::AsyncWrite;

use super::download::Download;
use super::request_traits::{After, RequestTraits};
use super::serve::{DEFAULT_HEAD, Server};
use super::wire::BodyRemainder;
use crate::proxy::http1::write::{self, Framing};
use crate::proxy::io::readiness::Source;
use crate::proxy::limits::{DRAIN_TIMEOUT, MAX_DRAIN};
use crate::proxy::message::body::Uploading;

impl<T: Source + AsyncWrite> Server<T> {
    /// Sends a response, and reads what is left of its request.
    pub(super) async fn send(
        &mut self,
        response: Response<impl Uploading>,
        asked: RequestTraits,
    ) -> io::Result<After> {
        let (parts, body) = response.into_parts();
        let framing = Framing::of(asked.is_head, asked.version, parts.status, &body);
        let switches = parts.status == StatusCode::SWITCHING_PROTOCOLS;
        // A client that had closed its sending direction before the response was ready is served as
        // one that still reads. If it does so later, it counts as leaving, see `poll_response`.
        let is_half_closed = self.wire.lock().has_ended;
        // Another request may follow only if it is certain where it begins. None follows if the
        // client asked for the close, if the close is the end of this response, or if the client
        // has closed its sending direction. It is uncertain if the client may still send a body
        // that was never asked for.
        let persists = asked.persists
            && framing != Framing::UntilClose
            && self.wire.rest() != BodyRemainder::Unknown
            && !is_half_closed;
        // Not before: a connection on which no request has come yet has no buffer.
        let mut out = std::mem::take(&mut self.out);
        out.reserve(DEFAULT_HEAD);
        let mut download = Download::new(body, framing, asked.takes_trailers, out);
        // RFC 9112 §9.6: the side that will close says so. Otherwise the client could send another
        // request that is never read. An HTTP/1.0 client that asked to persist must be told that it
        // may (RFC 9112 §C.2.2). A 101 has its own `Connection: Upgrade`.
        let connection = match (persists || switches, asked.asks_to_persist) {
            (false, _) => Some("close"),
            (true, true) if asked.version == Version::HTTP_10 => Some("keep-alive"),
            (true, _) => None,
        };
        // Interim responses that are not written yet, or only in part, stay before the response.
        download.head().append(&mut self.wire.lock().out);
        write::write_response(download.head(), &parts, framing, connection);
        // One limit for everything that is read and dropped of this request, during the response
        // and after it.
        let mut budget = MAX_DRAIN;
        let sent = poll_fn(|context| {
            self.poll_response(context, &mut download, &mut budget, is_half_closed)
        })
        .await;
        if let Err(error) = sent {
            // If the response has broken off, the connection is closed in order, so that the client
            // gets what has come of it. A client that knows the length, or reads chunks, sees that
            // the response is incomplete (RFC 9112 §8). For a client that reads until the close, a
            // close in order would be the end of the body. Without a close_notify it can see that
            // the body is incomplete (RFC 9112 §9.8).
            let ends_in_order = download.is_broken() && download.shows_its_end();
            return ends_in_order.then_some(After::Close).ok_or(error);
        }
        let (mut body, out) = download.into_parts();
        self.out = out;
        if switches {
            return Ok(After::Switch);
        }
        // The response has ended, and some of the request has not been sent upstream yet. RFC 9112
        // §9.3 allows a server to respond first and then read on. The upload ends if the server
        // accepts nothing for too long.
        if body.uploads() {
            body.finish_upload().await?;
        }
        drop(body); // ends the response, for the log
        // A body that was not read to its end was given back by the drop above. The rest is read
        // and dropped here, because the next request begins after it. A client that sends the rest
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
        // The upload continues while the response is sent. A server may read and respond in turns,
        // so neither direction may wait for the other.
        if let Poll::Ready(Err(error)) = download.body().poll_upload(context) {
            return Poll::Ready(Err(error)); // the client has broken off its request
        }
        loop {
            // Before the lock is taken: this may poll the request's body, which takes the lock.
            download.fill(context);
            // A client may send its whole request before it reads any of the response.
            let rest = self.wire.poll_rest(context, budget);
            let mut state = self.wire.lock();
            match download.poll_out(context, &mut state.io)? {
                Poll::Ready(true) => return Poll::Ready(Ok(())),
                Poll::Ready(false) => continue,
                Poll::Pending => {}
            }
            // The response waits, for its own next piece or for the client to read. If it is silent
            // for long, as event streams are, no write shows that the client leaves, so a read
            // looks for that. A client that had closed its sending direction before cannot show it
            // a second time. A body that is still lent is read by its holder, as far as there is
            // room for it.
            let has_left = match rest {
                Poll::Ready(BodyRemainder::Left) => true,
                // After `Unknown`, nothing is parsed as a request, so this read takes nothing away.
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

    /// Sends the response to an invalid request, and closes.
    pub(super) async fn refuse(mut self, response: Response<impl Uploading>) {
        if self.send(response, RequestTraits::UNREADABLE).await.is_ok() {
            self.wire.close().await;
        }
    }
}
