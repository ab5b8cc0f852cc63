//! One write for all that h2 writes while its connection is polled once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is gathered, in bytes: two TLS records (RFC 8446 §5.1).
const MAX_BATCH: usize = 32 * 1024;

/// A buffer that has grown beyond this is not kept when it is empty, in bytes.
const MAX_KEPT: usize = 4 * 1024;

/// A stream that gathers writes. h2 flushes after each DATA frame that is larger than a few hundred
/// bytes, so each of many responses that are ready at once would be a TLS record and a system call
/// of its own.
///
/// Whoever polls the h2 connection must call [`Self::after`] after each poll. Nothing is delayed by
/// the gathering, as all of it happens within one poll of one task.
///
/// ```text
/// empty -- h2 writes -> gathered -- after a poll, at a shutdown, or without room -> empty
/// ```
pub(super) struct Batch<T>(Arc<Mutex<State<T>>>);

impl<T> Clone for Batch<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct State<T> {
    stream: T,
    /// Header fields of requests are among it.
    gathered: Vec<u8>,
    /// How many of the gathered bytes have been written.
    written: usize,
    /// Whether something was written since the last flush.
    needs_flush: bool,
    /// Why nothing can be written any more. h2 gets it with its next write.
    failed: Option<io::ErrorKind>,
}

impl<T> Batch<T> {
    pub(super) fn new(stream: T) -> Self {
        Self(Arc::new(Mutex::new(State {
            stream,
            gathered: Vec::new(),
            written: 0,
            needs_flush: false,
            failed: None,
        })))
    }

    /// The lock is never waited for: h2 and its driver are in one task.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: AsyncWrite + Unpin> Batch<T> {
    /// To be called with what a poll of the h2 connection has returned: writes and flushes what was
    /// gathered. If that fails, the next write of h2 fails.
    pub(super) fn after<O>(&self, polled: Poll<O>, context: &mut Context<'_>) -> Poll<O> {
        let mut state = self.lock();
        if let Poll::Ready(Err(error)) = state.poll_send(context) {
            state.failed = Some(error.kind());
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> State<T> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        if self.needs_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self
            .gathered
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
            self.needs_flush = true;
        }
        self.gathered.clear();
        self.written = 0;
        if self.gathered.capacity() > MAX_KEPT {
            self.gathered = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Makes room for so many bytes; `false` if they are better written at once.
    fn poll_room(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<bool>> {
        if self.gathered.len() + length > MAX_BATCH {
            ready!(self.poll_drain(context))?;
        }
        Poll::Ready(Ok(length <= MAX_BATCH / 2))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Batch<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Batch<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if let Some(kind) = state.failed {
            return Poll::Ready(Err(kind.into()));
        }
        let length = slices.iter().map(|slice| slice.len()).sum();
        if ready!(state.poll_room(context, length))? {
            for slice in slices {
                state.gathered.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(length));
        }
        // A large piece is not copied. What was gathered before it has to be sent before it.
        ready!(state.poll_drain(context))?;
        state.needs_flush = true;
        Pin::new(&mut state.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().stream.is_write_vectored()
    }

    /// Does nothing: [`Batch::after`] flushes, once.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        ready!(state.poll_send(context))?;
        Pin::new(&mut state.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// As if h2 had been polled.
    async fn sent(batch: &Batch<tokio::io::DuplexStream>) {
        poll_fn(|context| batch.after(Poll::Ready(()), context)).await;
    }

    #[tokio::test]
    async fn what_is_written_and_flushed_goes_out_in_one_piece_when_it_is_sent() {
        let (near, mut far) = duplex(1 << 20);
        let mut batch = Batch::new(near);
        for piece in [&b"one "[..], b"two ", b"three"] {
            batch.write_all(piece).await.unwrap();
            batch.flush().await.unwrap();
        }
        let mut buffer = [0; 64];
        let unsent = tokio::time::timeout(std::time::Duration::ZERO, far.read(&mut buffer)).await;
        assert!(unsent.is_err(), "nothing was to be sent yet");
        sent(&batch).await;
        let length = far.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"one two three");
    }

    #[tokio::test]
    async fn all_bytes_come_in_order_whatever_their_sizes_and_the_room() {
        let (near, mut far) = duplex(700);
        let mut batch = Batch::new(near);
        let sizes = [1, 9, 20_000, 3, 40_000, 16_384, 16_385, 100_000, 7];
        let expected: Vec<u8> = (0..sizes.iter().sum())
            .map(|index: usize| index.to_le_bytes()[0])
            .collect();
        let reading = tokio::spawn(async move {
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            got
        });
        let mut begin = 0;
        for size in sizes {
            batch
                .write_all(&expected[begin..begin + size])
                .await
                .unwrap();
            batch.flush().await.unwrap();
            begin += size;
        }
        batch.shutdown().await.unwrap(); // which sends the rest
        drop(batch);
        assert!(reading.await.unwrap() == expected);
    }

    #[tokio::test]
    async fn an_error_of_what_was_gathered_fails_the_next_write() {
        let (near, far) = duplex(64);
        let mut batch = Batch::new(near);
        drop(far);
        batch.write_all(b"small").await.unwrap();
        sent(&batch).await;
        assert!(batch.write_all(b"more").await.is_err());
    }
}
