//! The streams of a client that h2 resets by itself: it takes their requests for malformed and shows them to nobody, so that without this
//! there would be no word of them anywhere.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The head of a frame (RFC 9113 §4.1), and with it the error code of a `RST_STREAM` (§6.4).
const FRAME_HEAD: usize = 9;
const RESET_FRAME: usize = FRAME_HEAD + 4;
const RST_STREAM: u8 = 3;
const PROTOCOL_ERROR: u32 = 1;

/// A stream on whose way out the frames are looked at; `note` is told the number of each stream that is reset for an error of the client's.
pub(super) struct Resets<T, F> {
    stream: T,
    frames: Frames,
    note: F,
}

impl<T, F> fmt::Debug for Resets<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resets").finish_non_exhaustive()
    }
}

impl<T, F: Fn(u32)> Resets<T, F> {
    pub(super) fn new(stream: T, note: F) -> Self {
        Self {
            stream,
            frames: Frames::default(),
            note,
        }
    }
}

/// Where in the frames the bytes that have gone out end.
#[derive(Debug, Default)]
struct Frames {
    /// What has been seen of a frame's head.
    head: [u8; RESET_FRAME],
    filled: usize,
    /// What is still to come of a frame's payload.
    left: usize,
}

impl Frames {
    /// Goes on by bytes that have gone out.
    fn pass(&mut self, mut bytes: &[u8], note: impl Fn(u32)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                bytes = bytes.get(here..).unwrap_or_default();
                self.left -= here;
                continue;
            }
            let is_reset = self.filled >= FRAME_HEAD; // no other frame's head is kept when it is whole
            let wanted = if is_reset { RESET_FRAME } else { FRAME_HEAD };
            let room = self.head.get_mut(self.filled..wanted).unwrap_or_default();
            let here = room.len().min(bytes.len());
            let (taken, rest) = bytes.split_at(here);
            if let Some(room) = room.get_mut(..here) {
                room.copy_from_slice(taken);
            }
            self.filled += here;
            bytes = rest;
            if self.filled == wanted {
                self.frame(&note);
            }
        }
    }

    /// A head is whole.
    fn frame(&mut self, note: impl Fn(u32)) {
        let [a, b, c, kind, _, s0, s1, s2, s3, e0, e1, e2, e3] = self.head;
        let is_whole = self.filled == RESET_FRAME;
        if kind == RST_STREAM && !is_whole {
            return;
        }
        if is_whole && u32::from_be_bytes([e0, e1, e2, e3]) == PROTOCOL_ERROR {
            note(u32::from_be_bytes([s0, s1, s2, s3]));
        }
        let length = u32::from_be_bytes([0, a, b, c]);
        self.left = if is_whole {
            0
        } else {
            usize::try_from(length).unwrap_or(usize::MAX)
        };
        self.filled = 0;
    }
}

impl<T: AsyncRead + Unpin, F: Unpin> AsyncRead for Resets<T, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin, F: Fn(u32) + Unpin> AsyncWrite for Resets<T, F> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        let out = bytes.get(..written).unwrap_or_default();
        this.frames.pass(out, &this.note);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, slices))?;
        let mut left = written;
        for slice in slices {
            let out = slice.get(..left.min(slice.len())).unwrap_or_default();
            this.frames.pass(out, &this.note);
            left -= out.len();
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
    use std::cell::RefCell;

    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
    }

    #[test]
    fn resets_are_found_in_whichever_pieces_the_frames_go_out() {
        let out = [
            frame(4, 0, &[]),       // SETTINGS
            frame(0, 1, &[3; 700]), // DATA that looks like anything
            frame(RST_STREAM, 3, &[0, 0, 0, 1]),
            frame(RST_STREAM, 5, &[0, 0, 0, 8]), // CANCEL
            frame(1, 7, &[0; 20]),
            frame(RST_STREAM, 9, &[0, 0, 0, 1]),
        ]
        .concat();
        for piece in 1..=out.len() {
            let (mut frames, found) = (Frames::default(), RefCell::new(Vec::new()));
            for bytes in out.chunks(piece) {
                frames.pass(bytes, |stream| found.borrow_mut().push(stream));
            }
            assert_eq!(found.into_inner(), [3, 9], "{piece}");
        }
    }
}
