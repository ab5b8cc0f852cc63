//! A stream for HTTP/2 that can still be read after a write has failed.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::tls::TlsTrouble;

/// A stream for HTTP/2 that can still be read after a write has failed. What the peer sent before
/// may not be read yet: a server refuses a large upload and closes, or a client sends the end of
/// its upload and leaves. But h2 gives a connection up at the first write that fails. It also stops
/// reading while a write is pending, because the acknowledgement of a PING must be written before
/// the next frame is read.
///
/// ```text
/// Open ── a write fails because the peer has closed ──► WriteFailed (writes are discarded)
///                                                           └── nothing is left to read ──► Ended (writes fail)
/// ```
#[derive(Debug)]
pub(in crate::proxy) struct ReadAfterWriteError<T> {
    stream: T,
    state: State,
    /// Set when the peer refuses our certificate: h2 keeps only the text of that error.
    certificate_trouble: Option<Arc<OnceLock<TlsTrouble>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    WriteFailed,
    Ended,
    Open,
}

impl<T> ReadAfterWriteError<T> {
    pub(in crate::proxy) fn new(stream: T) -> Self {
        Self {
            stream,
            state: State::Open,
            certificate_trouble: None,
        }
    }

    /// Records in `certificate_trouble` that the peer requires a client certificate, or another
    /// one.
    pub(super) fn noting_in(mut self, certificate_trouble: &Arc<OnceLock<TlsTrouble>>) -> Self {
        self.certificate_trouble = Some(Arc::clone(certificate_trouble));
        self
    }

    /// The result to report for a write that returned `written`; `whole` is the result of a
    /// complete write.
    fn written<O>(&mut self, written: Poll<io::Result<O>>, whole: O) -> Poll<io::Result<O>> {
        match written {
            Poll::Ready(Err(error)) if has_closed(&error) && self.state == State::Open => {
                self.state = State::WriteFailed;
                Poll::Ready(Ok(whole))
            }
            other => other,
        }
    }

    /// The result of a write of `length` bytes that does not reach the stream any more; `None` if
    /// the stream is still written to.
    fn unwritten(&self, length: usize) -> Option<Poll<io::Result<usize>>> {
        match self.state {
            State::Open => None,
            State::WriteFailed => Some(Poll::Ready(Ok(length))),
            State::Ended => Some(Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))),
        }
    }
}

fn has_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAfterWriteError<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        if self.state == State::WriteFailed && (read.is_err() || buffer.filled().len() == before) {
            self.state = State::Ended;
        }
        if let (Err(error), Some(place)) = (&read, &self.certificate_trouble)
            && let Some(trouble) = TlsTrouble::of_client_certificate(error)
        {
            let _ = place.set(trouble); // the first error is the reason
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadAfterWriteError<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(unwritten) = self.unwritten(bytes.len()) {
            return unwritten;
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        if let Some(unwritten) = self.unwritten(length) {
            return unwritten;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written, length)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state != State::Open {
            return Poll::Ready(Ok(())); // what is left can never be sent
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.written(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_was_said_before_a_close_is_read_and_then_writes_fail() {
        let (near, mut far) = tokio::io::duplex(64);
        far.write_all(b"response").await.unwrap();
        drop(far);
        let mut stream = ReadAfterWriteError::new(near);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let write = |stream: &mut ReadAfterWriteError<_>, context: &mut Context<'_>| {
            Pin::new(stream).poll_write(context, b"more")
        };
        for _ in 0..2 {
            assert!(matches!(
                write(&mut stream, &mut context),
                Poll::Ready(Ok(4))
            ));
        }
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "response");
        assert!(matches!(
            write(&mut stream, &mut context),
            Poll::Ready(Err(_))
        ));
    }
}
