//! Relays bytes between two streams, in both directions.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::limits::RELAY_BUFFER;

thread_local! {
    /// One buffer for all relays of a thread: what is read is written at once, so an idle relay
    /// holds no buffer. Only what the other side does not take at once is copied and kept.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; RELAY_BUFFER]);
}

/// One direction of a relay.
#[derive(Debug, Default)]
struct Direction {
    /// What was read and has not been written yet, and how much of it has been written.
    left: Vec<u8>,
    taken: usize,
    /// Bytes that have been read from the source.
    bytes: u64,
    needs_flush: bool,
    stage: Stage,
}

/// How far a direction has come. An error in either direction ends the whole relay.
///
/// ```text
/// Open ── the source ends ──► Ending ── the sink is shut down ──► Ended
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The source has ended, and the sink is being shut down.
    Ending,
    Ended,
}

/// A relay in both directions. It knows how much it has relayed, even if it is dropped midway.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Relay {
    there: Direction,
    back: Direction,
}

impl Relay {
    /// Relays until both sides have ended, or one breaks off.
    pub(in crate::proxy) async fn run<A, B>(&mut self, one: &mut A, other: &mut B)
    where
        A: AsyncRead + AsyncWrite + Unpin,
        B: AsyncRead + AsyncWrite + Unpin,
    {
        let relaying = poll_fn(|context| {
            let there = self.there.poll(context, one, other)?;
            let back = self.back.poll(context, other, one)?;
            match (there, back) {
                (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok::<_, io::Error>(())),
                _ => Poll::Pending,
            }
        });
        let _ = relaying.await; // an error ends it as well
    }

    /// The bytes that have come from `other`.
    pub(in crate::proxy) fn back(&self) -> u64 {
        self.back.bytes
    }
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
    ) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        match self.advance(context, source, sink) {
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    fn advance<R, W>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            while self.taken < self.left.len() {
                let written = Pin::new(&mut *sink).poll_write(context, &self.left[self.taken..]);
                self.taken += some(ready!(written)?)?;
            }
            (self.left, self.taken) = (Vec::new(), 0);
            match self.stage {
                Stage::Ended => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(Pin::new(&mut *sink).poll_shutdown(context))?;
                    self.stage = Stage::Ended;
                }
                Stage::Open => {
                    let passed = self.pass(context, source, sink)?;
                    if passed.is_pending() && self.needs_flush && self.left.is_empty() {
                        ready!(Pin::new(&mut *sink).poll_flush(context))?;
                        self.needs_flush = false;
                    }
                    ready!(passed);
                }
            }
        }
    }

    /// Reads once, and writes what the other side takes of it.
    fn pass<R, W>(
        &mut self,
        context: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
    ) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(source).poll_read(context, &mut buffer) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(read) => read?,
            }
            let mut rest = buffer.filled();
            if rest.is_empty() {
                self.stage = Stage::Ending;
            }
            self.bytes += rest.len() as u64;
            self.needs_flush = true;
            while !rest.is_empty() {
                match Pin::new(&mut *sink).poll_write(context, rest) {
                    Poll::Ready(written) => rest = &rest[some(written?)?..],
                    Poll::Pending => {
                        self.left = rest.to_vec();
                        return Ok(Poll::Pending);
                    }
                }
            }
            Ok(Poll::Ready(()))
        })
    }
}

/// A sink that accepts no bytes will never accept any.
fn some(written: usize) -> io::Result<usize> {
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn all_passes_in_order_however_slowly_it_is_taken() {
        // The streams hold far less than is sent, so that much is left over again and again.
        let (mut client, mut near) = duplex(1000);
        let (mut far, mut server) = duplex(7);
        let relay = tokio::spawn(async move {
            let mut relay = Relay::default();
            relay.run(&mut near, &mut far).await;
            (relay.there.bytes, relay.back())
        });
        let sent: Vec<u8> = (0..300_000_u32)
            .map(|number| number.to_le_bytes()[1])
            .collect();
        let expected = sent.clone();
        let sending = tokio::spawn(async move {
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            let mut response = Vec::new();
            client.read_to_end(&mut response).await.unwrap();
            response
        });
        let mut received = Vec::new();
        server.read_to_end(&mut received).await.unwrap();
        assert!(received == expected);
        // One direction has ended, and the other one goes on.
        server.write_all(b"heard").await.unwrap();
        drop(server);
        assert_eq!(sending.await.unwrap(), b"heard");
        assert_eq!(relay.await.unwrap(), (300_000, 5));
    }
}
