//! Sending a response to the client.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;
use tokio::io::AsyncWrite;

use crate::proxy::http1::fields::is_for_the_head;
use crate::proxy::http1::framing::LAST_CHUNK;
use crate::proxy::http1::write::{Framing, write_trailers};
use crate::proxy::message::body::Streamed;

/// A piece of a body up to this size, in bytes, is copied into the buffer with the bytes before it:
/// one TLS record instead of two.
const SMALL_PIECE: usize = 4 * 1024;

/// A response while it is sent: its head, then its body.
///
/// The caller calls `fill`, which takes frames from the body, and `poll_out`, which sends bytes, in
/// turns:
///
/// ```text
/// open ── a data frame ────────────────────────────► open, with a piece to send
///      ── the end of the body, or its trailers ────► has_ended ── all is sent ──► Ready(true)
///      ── an error, or another length than declared ► broken ── what came is sent ──► an error
/// ```
///
/// The bytes are sent in this order: `out` from `gone` on, then `data`, then `after`. No frame is
/// taken while one waits in `data`. So a client that does not read holds back the body, and with it
/// the server; besides the head, only one frame and two small buffers are kept for it.
#[derive(Debug)]
pub(super) struct Download<B> {
    body: B,
    framing: Framing,
    takes_trailers: bool,
    has_ended: bool,
    /// The error, if the body broke off or has another length than declared.
    broken: Option<io::Error>,
    /// The head, small pieces of the body, and the framing before `data`; and how many of these
    /// bytes are sent.
    out: Vec<u8>,
    gone: usize,
    /// A large piece, which is not copied.
    data: Bytes,
    /// The bytes after `data`.
    after: Vec<u8>,
}

impl<B: Streamed> Download<B> {
    /// `out` is an empty buffer for the head.
    pub(super) fn new(body: B, framing: Framing, takes_trailers: bool, out: Vec<u8>) -> Self {
        Self {
            // Such a body is not polled. After HEAD, 204 and 304 nothing may follow the head (RFC
            // 9112 §6.3), even if the body has data.
            has_ended: matches!(framing, Framing::None | Framing::Known(0)),
            body,
            framing,
            takes_trailers,
            broken: None,
            out,
            gone: 0,
            data: Bytes::new(),
            after: Vec::new(),
        }
    }

    /// The body, and the buffer for the next response.
    pub(super) fn into_parts(self) -> (B, Vec<u8>) {
        (self.body, self.out)
    }

    /// The buffer for the head.
    pub(super) fn head(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// The body, which also sends the rest of the request's body upstream.
    pub(super) fn body(&mut self) -> &mut B {
        &mut self.body
    }

    /// Whether the client can see that this body is incomplete: it knows the length, or reads
    /// chunks.
    pub(super) fn shows_its_end(&self) -> bool {
        self.framing != Framing::UntilClose
    }

    /// Whether the body broke off, or has another length than declared.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Takes the frames that the body has now. Must not be called under the lock of the client's
    /// connection: the body's poll may read the request's body, which takes that lock.
    pub(super) fn fill(&mut self, context: &mut Context<'_>) {
        while !self.has_ended
            && self.broken.is_none()
            && self.data.is_empty()
            && self.out.len() < SMALL_PIECE
        {
            // The body has registered this task's waker, and `poll_out` returns pending.
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                return;
            };
            // What came before the error is still sent. A client that gets nothing at all may
            // repeat its request, although RFC 9112 §9.3.1 does not allow that if the request
            // changes something. A client that gets a part of a response knows that there was one.
            self.broken = frame.transpose().and_then(|frame| self.take(frame)).err();
        }
    }

    /// Sends some of it. Ready with `false` if more may follow, with `true` when everything is
    /// sent, and with an error when everything is sent of a body that broke off.
    pub(super) fn poll_out(
        &mut self,
        context: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<bool>> {
        if self.gone == self.out.len() && self.data.is_empty() {
            // Before any wait for the body: TLS may hold back what was written, and the client of
            // an event stream must see each event at once.
            ready!(Pin::new(&mut *io).poll_flush(context))?;
            return match &self.broken {
                Some(error) => Poll::Ready(Err(error.kind().into())),
                None if self.has_ended => Poll::Ready(Ok(true)),
                None => Poll::Pending,
            };
        }
        let rest = self.out.get(self.gone..).unwrap_or_default();
        let written = if self.data.is_empty() {
            Pin::new(&mut *io).poll_write(context, rest)
        } else {
            // In one call, so that TLS can put the framing of a chunk into one record with its
            // data.
            let slices = [rest, &self.data, &self.after].map(IoSlice::new);
            Pin::new(&mut *io).poll_write_vectored(context, &slices)
        };
        self.went(ready!(written)?)?;
        Poll::Ready(Ok(false))
    }

    /// Takes the next frame of the body.
    fn take(&mut self, frame: Option<Frame<Bytes>>) -> io::Result<()> {
        let Some(frame) = frame else {
            return self.end(None);
        };
        match frame.into_data() {
            // An empty chunk would be the last one (RFC 9112 §7.1).
            Ok(data) if data.is_empty() => {}
            Ok(data) => self.take_data(data)?,
            Err(frame) => return self.end(frame.into_trailers().ok().as_ref()),
        }
        // The end is sent with the last data, and not in a record of its own after one more poll.
        if self.body.is_end_stream() {
            self.end(None)?;
        }
        Ok(())
    }

    fn take_data(&mut self, data: Bytes) -> io::Result<()> {
        if let Framing::Known(left) = &mut self.framing {
            // To the client, bytes beyond the declared length would be the beginning of the next
            // response (response splitting, RFC 9112 §11.1).
            let longer = || io::Error::other("the body is longer than said");
            *left = left.checked_sub(data.len() as u64).ok_or_else(longer)?;
        }
        let chunked = self.framing == Framing::Chunked;
        if chunked {
            write!(self.out, "{:x}\r\n", data.len())?;
        }
        // A copy costs less than a separate slice, unless the buffer would have to grow for it.
        if data.len() > SMALL_PIECE.min(self.out.capacity() - self.out.len()) {
            self.data = data;
        } else {
            self.out.extend_from_slice(&data);
        }
        if chunked {
            self.last().extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// The buffer for the bytes that come next.
    fn last(&mut self) -> &mut Vec<u8> {
        if self.data.is_empty() {
            &mut self.out
        } else {
            &mut self.after
        }
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) -> io::Result<()> {
        self.has_ended = true;
        match self.framing {
            // The client waits for the rest. Only the end of the connection shows that none comes.
            Framing::Known(left) if left > 0 => {
                Err(io::Error::other("the body is shorter than said"))
            }
            Framing::Chunked => {
                // RFC 9110 §6.5.1: only for a client that has sent `TE: trailers`. Even then some
                // fields are not allowed as trailers.
                match trailers.filter(|_| self.takes_trailers) {
                    None => self.last().extend_from_slice(LAST_CHUNK),
                    Some(trailers) => {
                        write_trailers(self.last(), trailers, |name| !is_for_the_head(name));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn went(&mut self, written: usize) -> io::Result<()> {
        // A stream that accepts nothing now never will, and the loop would run forever.
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        // One write may end inside any of the three buffers.
        let of_out = written.min(self.out.len() - self.gone);
        let of_data = (written - of_out).min(self.data.len());
        self.gone += of_out;
        self.data.advance(of_data);
        if self.gone == self.out.len() && self.data.is_empty() {
            self.data = Bytes::new(); // releases its buffer
            self.out.clear();
            self.out.append(&mut self.after);
            // The same write may have taken some of `after`, which is in `out` now.
            self.gone = written - of_out - of_data;
        }
        if self.gone == self.out.len() {
            self.out.clear();
            self.gone = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::proxy::message::body::scripted::Frames;

    async fn send(
        download: &mut Download<Frames>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        std::future::poll_fn(|context| {
            loop {
                download.fill(context);
                if ready!(download.poll_out(context, io))? {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }

    /// What a client gets of a body of `pieces`. It must not depend on how little the client reads
    /// at once.
    async fn sent(framing: Framing, pieces: &[usize], trailers: Option<HeaderMap>) -> String {
        let mut frames: Vec<_> = pieces
            .iter()
            .map(|size| Frame::data(Bytes::from(vec![b'x'; *size])))
            .collect();
        frames.extend(trailers.map(Frame::trailers));
        let mut seen = Vec::new();
        for room in [1, 10, 100_000] {
            let body = Frames::new(frames.iter().map(|frame| {
                Ok(match frame.trailers_ref() {
                    Some(trailers) => Frame::trailers(trailers.clone()),
                    None => Frame::data(frame.data_ref().cloned().unwrap_or_default()),
                })
            }));
            let mut download = Download::new(body, framing, true, Vec::with_capacity(64));
            download.head().extend_from_slice(b"HEAD ");
            let (mut near, mut far) = tokio::io::duplex(room);
            let reading = tokio::spawn(async move {
                let mut text = String::new();
                far.read_to_string(&mut text).await.unwrap();
                text
            });
            send(&mut download, &mut near).await.unwrap();
            drop(near);
            seen.push(reading.await.unwrap());
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
        seen.remove(0)
    }

    #[tokio::test]
    async fn bodies_go_out_whole_and_framed() {
        let large = SMALL_PIECE + 1;
        let many = "x".repeat(large);
        assert_eq!(sent(Framing::Known(3), &[1, 2], None).await, "HEAD xxx");
        assert_eq!(
            sent(Framing::Known(large as u64), &[large], None).await,
            format!("HEAD {many}")
        );
        assert_eq!(
            sent(Framing::UntilClose, &[2, large], None).await,
            format!("HEAD xx{many}")
        );
        assert_eq!(
            sent(Framing::Chunked, &[3, 0], None).await,
            "HEAD 3\r\nxxx\r\n0\r\n\r\n"
        );
        assert_eq!(
            sent(Framing::Chunked, &[large, 1, large], None).await,
            format!("HEAD 1001\r\n{many}\r\n1\r\nx\r\n1001\r\n{many}\r\n0\r\n\r\n")
        );
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        trailers.insert("content-length", "1".parse().unwrap());
        assert_eq!(
            sent(Framing::Chunked, &[1], Some(trailers)).await,
            "HEAD 1\r\nx\r\n0\r\nx-sum: 1\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn a_body_of_another_length_than_said_breaks_the_connection() {
        for length in [1, 5] {
            let frames = [Ok(Frame::data(Bytes::from_static(b"abc")))];
            let body = Frames::new(frames);
            let mut download = Download::new(body, Framing::Known(length), false, Vec::new());
            let sent = send(&mut download, &mut tokio::io::sink()).await;
            assert!(sent.is_err() && download.is_broken(), "{length}");
        }
    }

    #[tokio::test]
    async fn what_came_before_a_body_broke_off_is_sent() {
        for framing in [Framing::Chunked, Framing::Known(9), Framing::UntilClose] {
            let broken = io::Error::from(io::ErrorKind::UnexpectedEof);
            let frames = [Ok(Frame::data(Bytes::from_static(b"abc"))), Err(broken)];
            let body = Frames::new(frames);
            let mut download = Download::new(body, framing, false, Vec::new());
            download.head().extend_from_slice(b"HEAD ");
            let (mut near, mut far) = tokio::io::duplex(100);
            assert!(send(&mut download, &mut near).await.is_err());
            drop(near);
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            let end = if framing == Framing::Chunked {
                "3\r\nabc\r\n"
            } else {
                "abc"
            };
            assert_eq!(text, format!("HEAD {end}"));
        }
    }
}
