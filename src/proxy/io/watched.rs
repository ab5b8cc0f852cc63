//! A stream that begins with bytes that were read too early, and records when it moves.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server;

use super::activity::Activity;
use super::readiness::Source;
use super::socket::ClientSocket;

/// The stream of a client on an intercepted connection.
pub(in crate::proxy) type ClientStream = server::TlsStream<Watched<ClientSocket>>;

/// A stream that begins with `prefix` and records when it moves.
#[derive(Debug)]
pub(in crate::proxy) struct Watched<T> {
    inner: T,
    prefix: Bytes,
    activity: Activity,
}

impl<T> Watched<T> {
    pub(in crate::proxy) fn new(inner: T, prefix: Bytes, activity: Activity) -> Self {
        Self {
            inner,
            prefix,
            activity,
        }
    }
}

impl<T> Watched<T> {
    /// Where it records its movements.
    pub(in crate::proxy) fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Reads from the prefix. Apart from the reads of the stream, which are many.
    #[cold]
    fn take_prefix(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.prefix.len().min(buffer.remaining());
        buffer.put_slice(&self.prefix[..length]);
        self.prefix.advance(length);
        if self.prefix.is_empty() {
            self.prefix = Bytes::new(); // an empty part still keeps the whole buffer
        }
    }

    /// The stream, and what is left of its prefix.
    pub(in crate::proxy) fn into_parts(self) -> (T, Bytes) {
        (self.inner, self.prefix)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.prefix.is_empty() {
            self.take_prefix(buffer);
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.activity.moved();
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.activity.moved();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // rustls passes a single record as a vector of one slice, and the kernel takes a plain
        // write more cheaply.
        if let [slice] = slices {
            return self.poll_write(context, slice);
        }
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, slices))?;
        self.activity.moved();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<T: Source> Source for Watched<T> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.prefix.is_empty() {
            self.inner.poll_readable(context)
        } else {
            Poll::Ready(())
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn the_prefix_comes_first() {
        let (mut far, near) = tokio::io::duplex(64);
        far.write_all(b" world").await.unwrap();
        drop(far);
        let mut text = String::new();
        let mut stream = Watched::new(near, Bytes::from_static(b"hello"), Activity::new());
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello world");
    }
}
