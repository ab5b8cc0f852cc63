//! A connection of the upstream pool: plain or TLS, and patient with a server that answers before it has heard all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio_rustls::client::TlsStream;

use super::dial::Link;

/// A connection of the pool.
pub(super) struct UpstreamStream {
    kind: StreamKind,
    /// It takes no more, but may have answered: a server may refuse a large upload and close before it has read it.
    deaf: bool,
}

impl UpstreamStream {
    pub(super) fn new(kind: StreamKind) -> Self {
        Self { kind, deaf: false }
    }

    /// A write that fails because the server has closed is held up instead, so that what it said before is read first. The end of what
    /// can be read, which is there by then, ends the connection.
    fn written(
        &mut self,
        context: &Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Err(error))
                if matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                ) =>
            {
                self.deaf = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }
}

/// What a connection of the pool is made of.
pub(super) enum StreamKind {
    /// For `http://`.
    Plain {
        io: TokioIo<Link>,
        absolute_form: bool,
    },
    /// For `https://`.
    Tls(Box<TokioIo<TlsStream<Link>>>),
}

impl Connection for UpstreamStream {
    fn connected(&self) -> Connected {
        match &self.kind {
            StreamKind::Plain { absolute_form, .. } => Connected::new().proxy(*absolute_form),
            StreamKind::Tls(stream)
                if stream.inner().get_ref().1.alpn_protocol() == Some(b"h2") =>
            {
                Connected::new().negotiated_h2()
            }
            StreamKind::Tls(_) => Connected::new(),
        }
    }
}

/// The same call on whichever stream it is.
macro_rules! either {
    ($stream:expr, $io:ident => $call:expr) => {
        match &mut $stream.kind {
            StreamKind::Plain { io: $io, .. } => $call,
            StreamKind::Tls($io) => {
                let $io = &mut **$io;
                $call
            }
        }
    };
}

impl Read for UpstreamStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl Write for UpstreamStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Pending;
        }
        let written = either!(self, stream => Pin::new(stream).poll_write(context, bytes));
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Pending;
        }
        let written =
            either!(self, stream => Pin::new(stream).poll_write_vectored(context, slices));
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            StreamKind::Plain { io, .. } => io.is_write_vectored(),
            StreamKind::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(())); // what is left will never go
        }
        match either!(self, stream => Pin::new(stream).poll_flush(context)) {
            Poll::Ready(flushed) => self
                .written(context, Poll::Ready(flushed.map(|()| 0)))
                .map_ok(|_| ()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(context))
    }
}
