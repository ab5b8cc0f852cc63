//! The body of an answer, which gives its connection back when it has come to its end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::io::ReadHalf;
use tokio::task::JoinSet;

use super::connection::{Connection, Upload, fill};
use super::framing::{Decoder, Piece};
use super::head::Head;
use super::pool::Pool;
use crate::proxy::limits::SMALLEST_READ;
use crate::proxy::upstream_stream::UpstreamStream;

/// An answer's body on its way from the provider.
#[derive(Debug)]
pub(in crate::proxy) struct AnswerBody {
    source: Source,
    decoder: Decoder,
}

/// Where it comes from.
#[derive(Debug)]
enum Source {
    /// A connection that does nothing else, and where it goes when the body has ended; it is closed if that is nowhere.
    Connection(Box<Connection>, Option<Arc<Pool>>),
    /// The answer's half of a connection on which the request's body still goes out.
    Half(Box<Half>),
    /// It has all been read.
    None,
}

#[derive(Debug)]
struct Half {
    io: ReadHalf<UpstreamStream>,
    read: BytesMut,
    appetite: usize,
    /// It ends with this body.
    _upload: JoinSet<()>,
}

impl AnswerBody {
    /// The answer whose head has come on that connection, to a request of which all is out, or the rest is sent from now on.
    pub(in crate::proxy) fn answer(
        head: Head,
        connection: Box<Connection>,
        upload: Upload,
        pool: &Arc<Pool>,
    ) -> Response<Self> {
        let source = if upload.is_over() {
            let home = head.persists.then(|| Arc::clone(pool));
            Source::Connection(connection, home)
        } else if upload.is_deaf() {
            Source::Connection(connection, None)
        } else {
            Source::Half(Box::new(Half::new(*connection, upload)))
        };
        let mut body = Self {
            source,
            decoder: Decoder::new(head.length),
        };
        if body.decoder.has_ended() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            body.release();
        }
        let mut response = Response::new(body);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        response
    }

    /// After a 101: the stream, and what has come on it already.
    pub(in crate::proxy) fn into_stream(self) -> Option<(UpstreamStream, Bytes)> {
        match self.source {
            Source::Connection(connection, _) => {
                let (io, read, _) = connection.into_parts();
                Some((io, read))
            }
            _ => None,
        }
    }

    /// Nothing more comes: the connection is free, or closed.
    fn release(&mut self) {
        if let Source::Connection(connection, Some(pool)) =
            std::mem::replace(&mut self.source, Source::None)
        {
            pool.put(connection);
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Piece>> {
        loop {
            let read = match &mut self.source {
                Source::Connection(connection, _) => &mut connection.read,
                Source::Half(half) => &mut half.read,
                Source::None => return Poll::Ready(Ok(Piece::End)),
            };
            match self.decoder.next(read) {
                Ok(Piece::Incomplete) => {}
                piece => return Poll::Ready(piece.map_err(io::Error::other)),
            }
            let filled = match &mut self.source {
                Source::Connection(connection, _) => connection.poll_fill(context),
                Source::Half(half) => {
                    fill(&mut half.io, &mut half.read, &mut half.appetite, context)
                }
                Source::None => return Poll::Ready(Ok(Piece::End)),
            };
            if ready!(filled)? == 0 {
                return Poll::Ready(if self.decoder.ends_with_connection() {
                    Ok(Piece::End)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                });
            }
        }
    }
}

impl Half {
    fn new(connection: Connection, upload: Upload) -> Self {
        let (io, read, unsent) = connection.into_parts();
        let (reading, writing) = tokio::io::split(io);
        let mut task = JoinSet::new();
        task.spawn(unsent.finish(writing, upload));
        Self {
            io: reading,
            read: BytesMut::from(read),
            appetite: SMALLEST_READ,
            _upload: task,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let piece = ready!(this.poll_piece(context));
        let frame = match piece {
            Ok(Piece::Data(data)) => {
                if this.decoder.has_ended() {
                    this.release();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End | Piece::Incomplete) => None,
            Err(error) => {
                this.source = Source::None; // what comes of it is nobody's any more
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
