//! The body of a response, which gives its connection back when it has come to its end and the
//! request is out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::io::AsyncWrite;

use super::connection::Connection;
use super::pool::Pool;
use super::upload::Upload;
use crate::proxy::http1::framing::{Decoder, Piece};
use crate::proxy::http1::response_head::{Head, Reason};
use crate::proxy::io::readiness::Source as Readable;
use crate::proxy::message::body::Streamed;

/// A response's body on its way from the provider.
#[derive(Debug)]
pub(in crate::proxy) struct IncomingBody<T, B> {
    source: Source<T, B>,
    decoder: Decoder,
}

/// Where it comes from.
///
/// ```text
/// EarlyResponse ── upload ends ──► Connection ── body ends ──► None (the connection goes to its pool)
///   └── body ends first, then the upload ─────────────► None (likewise)
/// any of them ── it breaks off ──► Broken
/// ```
///
/// Where the server takes no more of the upload, or the client gets a response in place of a 100
/// ([`IncomingBody::settle`]), the rest of the request never goes out. Then the connection is
/// closed with the body's end: the server would read the next request as the rest of this one.
#[derive(Debug)]
enum Source<T, B> {
    /// It broke off: whoever asks is told so each time, or a cut body would look like a whole one.
    Broken,
    /// A connection that does nothing else, and where it goes when the body has ended; it is closed
    /// if that is nowhere.
    Connection(Box<Connection<T>>, Option<Arc<Pool<T>>>),
    /// The response has come before the whole request was out, and the rest of that goes on.
    EarlyResponse(Box<EarlyResponse<T, B>>),
    /// It has all been read.
    None,
}

#[derive(Debug)]
struct EarlyResponse<T, B> {
    connection: Box<Connection<T>>,
    upload: Upload<B>,
    home: Option<Arc<Pool<T>>>,
}

impl<T: Readable + AsyncWrite, B: Streamed> IncomingBody<T, B> {
    /// The response whose head has come on that connection, to a request of which all is out, or
    /// the rest is sent from now on.
    pub(in crate::proxy) fn response(
        head: Head,
        connection: Box<Connection<T>>,
        upload: Upload<B>,
        pool: &Arc<Pool<T>>,
    ) -> Response<Self> {
        // After a 101 no response follows, whatever its head says of the connection (RFC 9110
        // §15.2.2).
        let is_reusable = head.persists && !head.switches();
        let home = is_reusable.then(|| Arc::clone(pool));
        // Usually the request is out before its response comes, and the body needs no second
        // direction. `EarlyResponse` is in a box, so that the usual body has no room for it.
        let source = if upload.is_over() {
            Source::Connection(connection, home)
        } else if upload.has_write_failed() {
            Source::Connection(connection, None)
        } else {
            Source::EarlyResponse(Box::new(EarlyResponse {
                connection,
                upload,
                home,
            }))
        };
        let mut body = Self {
            source,
            decoder: Decoder::new(head.length),
        };
        // No body: the connection is free before the client has the head. That of a 101 is not: it
        // goes to whoever speaks the other protocol.
        if body.decoder.has_ended() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            body.release();
        }
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        if let Some(reason) = head.reason {
            response.extensions_mut().insert::<Reason>(reason);
        }
        response
    }

    /// One of which nothing is left.
    pub(in crate::proxy) fn ended() -> Self {
        Self {
            source: Source::None,
            decoder: Decoder::ended(),
        }
    }

    /// After a 101: the stream, and what has come on it already.
    pub(in crate::proxy) fn into_stream(self) -> Option<(T, Bytes)> {
        match self.source {
            Source::Connection(connection, _) => Some(connection.into_parts()),
            _ => None,
        }
    }

    /// What of the request's body has not gone out, where some of it has not.
    pub(in crate::proxy) fn upload(&self) -> Option<&B> {
        match &self.source {
            Source::EarlyResponse(early) => Some(early.upload.body()),
            _ => None,
        }
    }

    /// The same for another attempt, which ends this one.
    pub(in crate::proxy) fn take_upload(&mut self) -> Option<B> {
        match std::mem::replace(&mut self.source, Source::Broken) {
            // The connection is dropped with what is left: part of a request is out on it.
            Source::EarlyResponse(early) => Some(early.upload.into_body()),
            other => {
                self.source = other;
                None
            }
        }
    }

    /// This response is the one that the client gets. If the server has answered in place of asking
    /// for the body (RFC 9110 §10.1.1), nobody will ask for it any more.
    pub(in crate::proxy) fn settle(&mut self) {
        if matches!(&self.source, Source::EarlyResponse(early) if early.upload.is_held()) {
            let source = std::mem::replace(&mut self.source, Source::Broken);
            // The upload is dropped here with nothing of it asked for.
            if let Source::EarlyResponse(early) = source {
                self.source = Source::Connection(early.connection, None);
            }
            if self.decoder.has_ended() {
                self.release();
            }
        }
    }

    /// How many bytes the server has taken, where some wait for it to take them.
    pub(in crate::proxy) fn blocked_upload(&self) -> Option<u64> {
        match &self.source {
            Source::EarlyResponse(early) => early.upload.blocked(),
            _ => None,
        }
    }

    /// Sends what is left of the request's body. Ready when nothing is left, or the server takes no
    /// more.
    pub(in crate::proxy) fn poll_upload(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Source::EarlyResponse(early) = &mut self.source else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(early.connection.poll_send(context, &mut early.upload));
        // If the client's body has failed, the request cannot become whole, and a response to a
        // part of it is none that counts: it stays broken.
        let source = std::mem::replace(&mut self.source, Source::Broken);
        if let Err(fault) = sent {
            return Poll::Ready(Err(io::Error::other(fault)));
        }
        if let Source::EarlyResponse(early) = source {
            let home = early.home.filter(|_| early.upload.is_over());
            self.source = Source::Connection(early.connection, home);
        }
        if self.decoder.has_ended() {
            self.release();
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing more comes: the connection is free, or closed. One on which the request still goes
    /// out stays.
    fn release(&mut self) {
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection(connection, Some(pool)) => pool.put(connection),
            // The response has ended first; `poll_upload` comes back here when the request is out.
            early @ Source::EarlyResponse(_) => self.source = early,
            _ => {}
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        loop {
            let connection = match &mut self.source {
                Source::Connection(connection, _) => connection,
                Source::EarlyResponse(early) => &mut early.connection,
                Source::Broken => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Source::None => return Poll::Ready(Ok(Piece::End)),
            };
            match self.decoder.next(&mut connection.read) {
                Ok(Piece::Incomplete) => {}
                // Bytes behind the end of the body stay in the buffer: the pool refuses a
                // connection that has some.
                piece => return Poll::Ready(piece.map_err(io::Error::other)),
            }
            if ready!(connection.poll_fill(context))? == 0 {
                // RFC 9112 §8: an end before the length or the last chunk is no end of the body.
                // Where the close is the end (§6.3, item 8), nobody can tell a cut body from a
                // whole one.
                return Poll::Ready(if self.decoder.ends_with_connection() {
                    self.decoder = Decoder::ended();
                    Ok(Piece::End)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                });
            }
        }
    }
}

impl<T: Readable + AsyncWrite, B: Streamed> Body for IncomingBody<T, B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        // A server may want to read on before it says more.
        if let Poll::Ready(Err(error)) = this.poll_upload(context) {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = match ready!(this.poll_piece(context)) {
            Ok(Piece::Data(data)) => {
                // At once, and not with a next poll: whoever sends this on asks `is_end_stream` and
                // then polls no more.
                if this.decoder.has_ended() {
                    this.release();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End | Piece::Incomplete) => None,
            Err(error) => {
                // Drops the connection; and a next poll must not say that the body has ended.
                this.source = Source::Broken;
                return Poll::Ready(Some(Err(error)));
            }
        };
        this.release();
        Poll::Ready(frame)
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
