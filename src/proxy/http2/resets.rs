//! Detects the requests that h2 refuses by itself: it resets the stream of a malformed request (RFC
//! 9113 §8.1.1), and does not report it to its caller.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that reports each stream on which a reset with `PROTOCOL_ERROR` is sent. h2 sends
/// that code by itself. We send it only where a provider has reset its response with it, on a
/// stream whose request was well-formed.
#[derive(Debug)]
pub(super) struct ResetWatch<T, F> {
    stream: T,
    frames: Frames,
    tell: F,
}

/// Follows the frames (RFC 9113 §4.1) in the bytes that are written, wherever these are split.
#[derive(Debug, Default)]
struct Frames {
    /// The header of the current frame and, for a reset, its error code.
    bytes: [u8; HEAD + CODE],
    filled: usize,
    /// `HEAD + CODE` once the current frame is known to be a reset, and 0 before that.
    kept: usize,
    /// Bytes of the current frame that are still to come and are skipped.
    rest: usize,
}

/// Sizes of a frame's header and of an error code, in bytes.
const HEAD: usize = 9;
const CODE: usize = 4;

/// The values of RFC 9113 §6.4 and §7.
const RST_STREAM: u8 = 3;
const PROTOCOL_ERROR: [u8; CODE] = [0, 0, 0, 1];

impl Frames {
    /// Calls `tell` for each stream whose reset with `PROTOCOL_ERROR` is completed by these bytes.
    fn pass(&mut self, mut bytes: &[u8], mut tell: impl FnMut(u32)) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            (self.rest, bytes) = (self.rest - skipped, &bytes[skipped..]);
            let wanted = self.kept.max(HEAD) - self.filled;
            let taken = wanted.min(bytes.len());
            let (head, rest) = bytes.split_at(taken);
            self.bytes[self.filled..self.filled + taken].copy_from_slice(head);
            self.filled += taken;
            bytes = rest;
            if taken == wanted
                && let Some(stream) = self.complete()
            {
                tell(stream);
            }
        }
    }

    /// The header is complete or, for a reset, the whole frame. Returns the stream if it is a reset
    /// with `PROTOCOL_ERROR`.
    fn complete(&mut self) -> Option<u32> {
        let [a, b, c, kind, _, id @ .., _, _, _, _] = self.bytes;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind == RST_STREAM && length == CODE && self.kept == 0 {
            self.kept = HEAD + CODE;
            return None;
        }
        let found = self.kept > 0 && self.bytes[HEAD..] == PROTOCOL_ERROR;
        self.rest = if self.kept > 0 { 0 } else { length };
        (self.kept, self.filled) = (0, 0);
        found.then_some(u32::from_be_bytes(id))
    }
}

impl<T, F: Fn(u32)> ResetWatch<T, F> {
    pub(super) fn new(stream: T, tell: F) -> Self {
        Self {
            stream,
            frames: Frames::default(),
            tell,
        }
    }

    fn wrote(&mut self, bytes: &[u8]) {
        self.frames.pass(bytes, &self.tell);
    }
}

impl<T: AsyncRead + Unpin, F: Unpin> AsyncRead for ResetWatch<T, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin, F: Fn(u32) + Unpin> AsyncWrite for ResetWatch<T, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.wrote(bytes.get(..written).unwrap_or(bytes));
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        let mut left = written;
        for slice in slices {
            let part = slice.get(..left).unwrap_or(slice);
            left -= part.len();
            self.wrote(part);
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, 0, 0, 0, 0, 1]);
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn a_reset_is_found_however_it_is_cut() {
        let resets = [
            frame(RST_STREAM, &PROTOCOL_ERROR),
            frame(RST_STREAM, &[0, 0, 0, 8]),
        ];
        let wire = [
            frame(0, &resets.concat()), // inside of data, they are no resets
            frame(4, &[]),
            resets[1].clone(),
            resets[0].clone(),
            frame(1, b"x"),
            resets[0].clone(),
        ]
        .concat();
        for piece in 1..=wire.len() {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for bytes in wire.chunks(piece) {
                frames.pass(bytes, |stream| found.push(stream));
            }
            assert_eq!(found, [1, 1], "{piece}");
        }
    }
}
