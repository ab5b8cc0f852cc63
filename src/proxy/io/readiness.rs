//! Streams that can be read with little work.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rustls::ConnectionCommon;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};
use tokio_util::either::Either;

use crate::net::dial::Link;

/// A stream that can be read with less work than by [`AsyncRead`] alone, which makes small requests
/// faster.
pub(in crate::proxy) trait Source: AsyncRead + Unpin {
    /// Pending where a read would be pending, but cheaper: each request checks its connections a
    /// few times while nothing has come.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Reads once, and no more than one read returns. The result is the number of bytes, 0 at the
    /// end.
    fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        read: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        pin!(self.read_buf(read)).poll(context)
    }
}

/// [`AsyncRead`] of a TLS stream tries to read another record after it has one, and almost never
/// gets it.
macro_rules! append_a_record {
    () => {
        fn poll_append(
            &mut self,
            context: &mut Context<'_>,
            read: &mut BytesMut,
        ) -> Poll<io::Result<usize>> {
            let record = ready!(Pin::new(&mut *self).poll_fill_buf(context))?;
            let length = record.len();
            read.extend_from_slice(record);
            Pin::new(self).consume(length);
            Poll::Ready(Ok(length))
        }
    };
}

impl Source for TcpStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(|_| ())
    }
}

impl Source for UnixStream {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(|_| ())
    }
}

impl<T: Source + AsyncWrite> Source for server::TlsStream<T> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let (io, session) = self.get_ref();
        poll_records(io, session, context)
    }

    append_a_record!();
}

impl<T: Source + AsyncWrite> Source for client::TlsStream<T> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let (io, session) = self.get_ref();
        poll_records(io, session, context)
    }

    append_a_record!();
}

/// rustls wants to read when it holds no plaintext. It then holds no whole record that it could
/// decrypt either.
fn poll_records<T: Source, D>(
    io: &T,
    session: &ConnectionCommon<D>,
    context: &mut Context<'_>,
) -> Poll<()> {
    if session.wants_read() {
        io.poll_readable(context)
    } else {
        Poll::Ready(())
    }
}

impl Source for Link {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(io) => io.poll_readable(context),
            Self::Tls(io) => io.poll_readable(context),
        }
    }

    fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        read: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(io) => io.poll_append(context, read),
            Self::Tls(io) => io.poll_append(context, read),
        }
    }
}

impl<T: Source> Source for Box<T> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        (**self).poll_readable(context)
    }

    fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        read: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        (**self).poll_append(context, read)
    }
}

impl<L: Source, R: Source> Source for Either<L, R> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Left(io) => io.poll_readable(context),
            Self::Right(io) => io.poll_readable(context),
        }
    }

    fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        read: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Left(io) => io.poll_append(context, read),
            Self::Right(io) => io.poll_append(context, read),
        }
    }
}

/// Always ready: only a read shows whether something has come.
#[cfg(test)]
impl Source for tokio::io::DuplexStream {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
