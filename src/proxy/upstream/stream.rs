//! A connection to a provider: plain or TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::net::dial::Link;
use crate::proxy::io::readiness::Source;

/// What a connection is made of.
#[derive(Debug)]
pub(in crate::proxy) enum UpstreamStream {
    /// For `http://`.
    Plain(Link),
    /// For `https://`.
    Tls(Box<TlsStream<Link>>),
}

impl UpstreamStream {
    /// Whether the server has agreed to HTTP/2 (RFC 9113 §3.2).
    pub(in crate::proxy) fn speaks_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

/// The same call on whichever stream it is.
macro_rules! either {
    ($stream:expr, $io:ident => $call:expr) => {
        match &mut *$stream {
            UpstreamStream::Plain($io) => $call,
            UpstreamStream::Tls($io) => {
                let $io = &mut **$io;
                $call
            }
        }
    };
}

impl Source for UpstreamStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Plain(io) => io.poll_readable(context),
            Self::Tls(io) => io.poll_readable(context),
        }
    }

    fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        read: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(io) => io.poll_append(context, read),
            Self::Tls(io) => io.poll_append(context, read),
        }
    }
}

impl AsyncRead for UpstreamStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_read(context, buffer))
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_shutdown(context))
    }
}
