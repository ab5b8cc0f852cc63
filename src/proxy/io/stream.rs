//! Byte streams: one that begins with bytes that were read too early, and one that tells when it last moved.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustls::ConnectionCommon;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::{client, server};

use crate::dial::Link;

/// A client's end of an intercepted connection.
pub(in crate::proxy) type ClientStream = server::TlsStream<Watched<TcpStream>>;

/// How often the wait for an idle stream looks, within the time that it may be idle: it ends at most that part of it too late.
const LOOKS: u32 = 4;

/// Whether a stream has moved, for whoever waits for it to be idle. To note it costs no look at the clock.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Activity(Arc<AtomicBool>);

impl Activity {
    pub(in crate::proxy) fn new() -> Self {
        Self::default()
    }

    fn moved(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Runs `work` until it ends or its stream has not moved for `limit`; `None` in the latter case. The work stays where it is: moved in
    /// here, each connection would have room for it twice.
    pub(in crate::proxy) async fn unless_idle<T>(
        &self,
        limit: Duration,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut clock = Clock::new(limit / LOOKS);
        let mut quiet = 0;
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            while clock.has_ended(context) {
                let has_moved = self.0.swap(false, Ordering::Relaxed);
                quiet = if has_moved { 0 } else { quiet + 1 };
                if quiet == LOOKS {
                    return Poll::Ready(None);
                }
                clock.start(limit / LOOKS);
            }
            Poll::Pending
        })
        .await
    }
}

/// A wait beside a task's work, for as long as it is the same task's: it is polled when it is started and not again until it has ended, as
/// the waker that it has is the task's own.
#[derive(Debug)]
pub(in crate::proxy) struct Clock {
    sleep: Pin<Box<Sleep>>,
    is_polled: bool,
}

impl Clock {
    pub(in crate::proxy) fn new(limit: Duration) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(limit)),
            is_polled: false,
        }
    }

    /// Whether it has; if not, the task is woken when it does.
    pub(in crate::proxy) fn has_ended(&mut self, context: &mut Context<'_>) -> bool {
        if !self.is_polled {
            self.is_polled = true;
            return self.sleep.as_mut().poll(context).is_ready();
        }
        self.sleep.is_elapsed()
    }

    /// Starts it again.
    pub(in crate::proxy) fn start(&mut self, limit: Duration) {
        self.sleep
            .as_mut()
            .reset(tokio::time::Instant::now() + limit);
        self.is_polled = false;
    }
}

/// A stream that is read by less work than by [`AsyncRead`] alone, which is what a request in a hurry for nothing large wants.
pub(in crate::proxy) trait Source: AsyncRead + Unpin {
    /// Pending where a read would be: each request asks its connections in vain a few times.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Reads once, and no more than comes of that; the number of bytes, 0 at the end.
    fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        read: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        pin!(self.read_buf(read)).poll(context)
    }
}

/// [`AsyncRead`] of a TLS stream asks for another record when it has one, which is in vain nearly always.
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

impl<T: Source> Source for Watched<T> {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.prefix.is_empty() {
            self.inner.poll_readable(context)
        } else {
            Poll::Ready(())
        }
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

/// rustls wants to read when it holds no plaintext; nor does it then hold a whole record that it could decrypt.
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

/// A stream that begins with `prefix` and notes when it moves.
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
    /// Where it notes its movements.
    pub(in crate::proxy) fn activity(&self) -> Activity {
        self.activity.clone()
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
            let length = self.prefix.len().min(buffer.remaining());
            buffer.put_slice(&self.prefix[..length]);
            self.prefix.advance(length);
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
        // rustls hands a single record over as one slice of one, and the kernel takes a plain one more cheaply.
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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

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

    #[tokio::test(start_paused = true)]
    async fn movement_puts_the_end_off() {
        let activity = Activity::new();
        let limit = Duration::from_secs(10);
        let moving = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                activity.moved();
            }
        };
        assert!(activity.unless_idle(limit, pin!(moving)).await.is_some());
        let still = tokio::time::sleep(Duration::from_secs(1000));
        assert!(activity.unless_idle(limit, pin!(still)).await.is_none());
    }
}
