//! The body of a response. It gives its connection back to the pool when it has ended and the
//! request is sent.

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

/// A response's body, as it comes from the provider.
#[derive(Debug)]
pub(in crate::proxy) struct IncomingBody<T, B> {
    source: Source<T, B>,
    decoder: Decoder,
}

/// Where the body is read from.
///
/// ```text
/// EarlyResponse ── the upload ends ──► Connection ── the body ends ──► None, connection pooled
///   └── the body ends, then the upload ──────────────────────────────► None, connection pooled
/// EarlyResponse, Connection ── the upload or the connection fails ───► Broken
/// ```
///
/// If the server accepts no more of the upload, or the client gets a response instead of a 100
/// ([`IncomingBody::settle`]), the rest of the request is never sent. The connection is then closed
/// at the end of the body: the server would read the next request as the rest of this one.
#[derive(Debug)]
enum Source<T, B> {
    /// It broke off. Every further poll reports an error, or a truncated body would look complete.
    Broken,
    /// A connection on which only the body is left, and the pool that it returns to when the body
    /// has ended. Without a pool it is closed.
    Connection(Box<Connection<T>>, Option<Arc<Pool<T>>>),
    /// The response came before the whole request was sent; the upload continues.
    EarlyResponse(Box<EarlyResponse<T, B>>),
    /// The whole body has been read.
    None,
}

#[derive(Debug)]
struct EarlyResponse<T, B> {
    connection: Box<Connection<T>>,
    upload: Upload<B>,
    home: Option<Arc<Pool<T>>>,
}

impl<T: Readable + AsyncWrite, B: Streamed> IncomingBody<T, B> {
    /// The response whose head has come on this connection. If some of the request is still unsent,
    /// polling the response's body sends it.
    pub(in crate::proxy) fn response(
        head: Head,
        connection: Box<Connection<T>>,
        upload: Upload<B>,
        pool: &Arc<Pool<T>>,
    ) -> Response<Self> {
        // After a 101 no HTTP response follows, whatever its head says about the connection (RFC
        // 9110 §15.2.2).
        let is_reusable = head.persists && !head.switches();
        let home = is_reusable.then(|| Arc::clone(pool));
        // Usually the request is sent before its response comes, and the connection is only read
        // from then on. `EarlyResponse` is boxed to keep the usual case small.
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
        // Without a body, the connection is free before the client has the head. After a 101 it is
        // not: the other protocol needs it.
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

    /// A body that has already ended.
    pub(in crate::proxy) fn ended() -> Self {
        Self {
            source: Source::None,
            decoder: Decoder::ended(),
        }
    }

    /// After a 101: the stream, and the bytes that were already read from it.
    pub(in crate::proxy) fn into_stream(self) -> Option<(T, Bytes)> {
        match self.source {
            Source::Connection(connection, _) => Some(connection.into_parts()),
            _ => None,
        }
    }

    /// The request's body, if some of it has not been sent.
    pub(in crate::proxy) fn upload(&self) -> Option<&B> {
        match &self.source {
            Source::EarlyResponse(early) => Some(early.upload.body()),
            _ => None,
        }
    }

    /// Takes the request's body for another attempt, if some of it has not been sent. This ends the
    /// exchange.
    pub(in crate::proxy) fn take_upload(&mut self) -> Option<B> {
        match std::mem::replace(&mut self.source, Source::Broken) {
            // This drops and so closes the connection: only a part of the request was sent on it.
            Source::EarlyResponse(early) => Some(early.upload.into_body()),
            other => {
                self.source = other;
                None
            }
        }
    }

    /// Called when the client gets this response. If the server has responded instead of sending a
    /// 100 (RFC 9110 §10.1.1), the request's body will not be asked for any more.
    pub(in crate::proxy) fn settle(&mut self) {
        if matches!(&self.source, Source::EarlyResponse(early) if early.upload.is_held()) {
            let source = std::mem::replace(&mut self.source, Source::Broken);
            // The upload is dropped here; none of its body was read.
            if let Source::EarlyResponse(early) = source {
                self.source = Source::Connection(early.connection, None);
            }
            if self.decoder.has_ended() {
                self.release();
            }
        }
    }

    /// How many bytes the server has accepted, if the upload waits for it to accept more.
    pub(in crate::proxy) fn blocked_upload(&self) -> Option<u64> {
        match &self.source {
            Source::EarlyResponse(early) => early.upload.blocked(),
            _ => None,
        }
    }

    /// Sends the rest of the request's body. Ready when everything is sent, or the server accepts
    /// no more.
    pub(in crate::proxy) fn poll_upload(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Source::EarlyResponse(early) = &mut self.source else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(early.connection.poll_send(context, &mut early.upload));
        // If the client's body fails, the request stays incomplete, and a response to a part of a
        // request must not look like a valid one. So the source stays `Broken`.
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

    /// Called when the body has ended: returns the connection to its pool, or closes it. A
    /// connection on which the request is still being sent is kept.
    fn release(&mut self) {
        match std::mem::replace(&mut self.source, Source::None) {
            Source::Connection(connection, Some(pool)) => pool.put(connection),
            // The response has ended first. `poll_upload` calls this again when the request is
            // sent.
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
                // Bytes after the end of the body stay in the buffer: the pool rejects a connection
                // that has some.
                piece => return Poll::Ready(piece.map_err(io::Error::other)),
            }
            if ready!(connection.poll_fill(context))? == 0 {
                // RFC 9112 §8: if the connection ends before the declared length or the last chunk,
                // the body is incomplete. If the close is the end of the body (§6.3, item 8), a
                // truncated body cannot be distinguished from a complete one.
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
        // The server may wait for more of the request before it sends more of the response.
        if let Poll::Ready(Err(error)) = this.poll_upload(context) {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = match ready!(this.poll_piece(context)) {
            Ok(Piece::Data(data)) => {
                // Now, and not at the next poll: the sender checks `is_end_stream` and then does
                // not poll again.
                if this.decoder.has_ended() {
                    this.release();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End | Piece::Incomplete) => None,
            Err(error) => {
                // Closes the connection. A later poll must not report that the body has ended.
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
