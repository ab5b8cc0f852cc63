//! The provider's side of a WebSocket connection, whose messages are searched for secrets on their
//! way to the client. What the client sends passes as it is.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::scrubbing::SearchedFrames;
use crate::proxy::rewrite::scrub::websocket::FrameError;

/// A stream; one without `frames` passes as it is.
pub(super) struct SearchedStream<T> {
    inner: T,
    frames: Option<SearchedFrames>,
    /// What has come out of the search and was not read yet: less than what one read has brought
    /// and what was held back before it.
    found: VecDeque<Bytes>,
    /// Why nothing more is read: the connection breaks off once `found` was read.
    fault: Option<FrameError>,
}

impl<T> SearchedStream<T> {
    pub(super) fn new(inner: T, frames: Option<SearchedFrames>) -> Self {
        Self {
            inner,
            frames,
            found: VecDeque::new(),
            fault: None,
        }
    }

    /// How many secrets were replaced.
    pub(super) fn matches(&self) -> u64 {
        self.frames.as_ref().map_or(0, SearchedFrames::matches)
    }

    fn take_found(&mut self, buffer: &mut ReadBuf<'_>) {
        while let Some(piece) = self.found.front_mut()
            && buffer.remaining() > 0
        {
            let length = piece.len().min(buffer.remaining());
            buffer.put_slice(&piece[..length]);
            piece.advance(length);
            if piece.is_empty() {
                self.found.pop_front();
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for SearchedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(frames) = &mut this.frames else {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        };
        while this.found.is_empty() {
            if let Some(fault) = this.fault {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?;
            let read = buffer.filled().get(before..).unwrap_or_default();
            if read.is_empty() {
                return Poll::Ready(Ok(())); // the end; a message that it cuts off is no message
            }
            let piece = Bytes::copy_from_slice(read);
            buffer.set_filled(before);
            let found = &mut this.found;
            let pushed = frames.push(piece, &mut |piece| {
                if !piece.is_empty() {
                    found.push_back(piece);
                }
            });
            this.fault = pushed.err();
        }
        this.take_found(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for SearchedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
