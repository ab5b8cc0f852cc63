//! Sending a request's body over HTTP/1.1.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use tokio::io::AsyncWrite;

use super::out::Out;
use crate::proxy::http1::fault::Fault;
use crate::proxy::http1::fields::announced;
use crate::proxy::http1::framing::{LAST_CHUNK, Length};
use crate::proxy::http1::write::write_trailers;
use crate::proxy::limits::UPSTREAM_WRITE_BUFFER;
use crate::proxy::message::body::Streamed;

/// The most that one TLS record holds (RFC 8446 §5.1), in bytes. A chunk is sent in one record with
/// its size line: some servers (Puma 5) respond with 400 if a record ends inside that line,
/// although the borders of records have no meaning in HTTP.
const RECORD: usize = 16 * 1024;

/// What a chunk in one record needs besides its data, in bytes: up to four digits, two line breaks,
/// and the last chunk.
const CHUNK_FRAMING: usize = 4 + 2 + 2 + LAST_CHUNK.len();

/// If less than this is left in a record, in bytes, the next chunk waits for a new record.
const MIN_CHUNK: usize = 1024;

/// A request's body while it is sent.
#[derive(Debug)]
pub(in crate::proxy) struct Upload<B> {
    body: B,
    length: Option<Length>,
    /// The names of the trailers that the request announced.
    trailers: Vec<HeaderName>,
    /// Data that did not fit into the last written chunk.
    rest: Bytes,
    state: UploadState,
    /// How many bytes the server has accepted, and whether the upload waits for the server.
    taken: u64,
    is_blocked: bool,
}

/// The state of an upload.
///
/// ```text
/// Held ── a 100, or CONTINUE_TIMEOUT ──► Body ── it ends ──► Last ── all is written ──► Done
/// Held, Body, Last ── a write fails ──► WriteFailed
/// ```
///
/// The first state is `Held` if the client waits for a 100, `Last` if there is no body, and
/// otherwise `Body`. `Done` and `WriteFailed` are final. Only after `Done` may the connection serve
/// another request: otherwise the server would read it as the rest of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UploadState {
    /// More of the body may come.
    Body,
    /// The server accepts no more, but may have responded.
    WriteFailed,
    /// Everything is written.
    Done,
    /// The client waits for a 100, which the server has not sent yet.
    Held,
    /// Nothing more is put into the buffer; it still has to be written.
    Last,
}

impl<B: Streamed> Upload<B> {
    /// `is_held` is true if the client waits for a 100 before it sends its body (RFC 9110 §10.1.1),
    /// and the server has not sent one yet.
    pub(in crate::proxy) fn new(body: B, parts: &Parts, is_held: bool) -> Self {
        let length = length_of(&body);
        let trailers = match length {
            // Only a chunked body can have trailers (RFC 9112 §7.1.2). A body of known length ends
            // with its last byte.
            Some(Length::Chunked) => announced(&parts.headers),
            _ => Vec::new(),
        };
        Self {
            state: match length {
                None => UploadState::Last,
                Some(_) if is_held => UploadState::Held,
                Some(_) => UploadState::Body,
            },
            body,
            length,
            trailers,
            rest: Bytes::new(),
            taken: 0,
            is_blocked: false,
        }
    }

    /// How the body is framed.
    pub(in crate::proxy) fn length(&self) -> Option<Length> {
        self.length
    }

    pub(super) fn body(&self) -> &B {
        &self.body
    }

    /// Gives the body back for another attempt.
    pub(in crate::proxy) fn into_body(self) -> B {
        self.body
    }

    /// Whether the whole request has been sent.
    pub(super) fn is_over(&self) -> bool {
        self.state == UploadState::Done
    }

    /// Whether the server accepts no more of it.
    pub(super) fn has_write_failed(&self) -> bool {
        self.state == UploadState::WriteFailed
    }

    /// Whether it waits for the server's 100.
    pub(super) fn is_held(&self) -> bool {
        self.state == UploadState::Held
    }

    /// Called when the server has sent a 100, or has had the time to.
    pub(super) fn release(&mut self) {
        if self.state == UploadState::Held {
            self.state = UploadState::Body;
        }
    }

    /// How many bytes the server has accepted, if the upload waits for it to accept more.
    pub(super) fn blocked(&self) -> Option<u64> {
        self.is_blocked.then_some(self.taken)
    }

    /// Sends what is in the buffer, and the body as it comes. Ready when everything is sent, or the
    /// server accepts no more.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
        out: &mut Out,
    ) -> Poll<Result<(), Fault>> {
        self.is_blocked = true; // reset below if the upload waits for the client
        while !matches!(self.state, UploadState::WriteFailed | UploadState::Done) {
            // The client's body is polled only while there is room: otherwise it would pile up here
            // if the server is slow.
            while self.state == UploadState::Body && self.has_room(&out.bytes) {
                if self.poll_body(context, &mut out.bytes)?.is_pending() {
                    break;
                }
            }
            if out.is_written() {
                // Everything is written and no more comes now. Without a flush, TLS might hold back
                // what the server waits for.
                ready!(self.poll_flush(context, io));
                match self.state {
                    UploadState::WriteFailed => {}
                    UploadState::Last => self.state = UploadState::Done,
                    _ => {
                        // The upload waits for the client, or for the server's 100.
                        self.is_blocked = false;
                        return Poll::Pending;
                    }
                }
                continue;
            }
            match ready!(Pin::new(&mut *io).poll_write(context, out.rest())) {
                Ok(count) if count > 0 => {
                    out.advance(count);
                    self.taken += count as u64;
                }
                // A server may respond and close before it has read everything. What it sent is
                // read next; if it sent nothing, that read finds the end of the stream.
                _ => self.state = UploadState::WriteFailed,
            }
            if out.is_written() {
                out.clear();
                if self.length == Some(Length::Chunked) && self.state == UploadState::Body {
                    // So that the next chunk begins a new record.
                    ready!(self.poll_flush(context, io));
                }
            }
        }
        self.is_blocked = false;
        Poll::Ready(Ok(()))
    }

    /// Flushes. After an error the server accepts no more.
    fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<()> {
        if ready!(Pin::new(io).poll_flush(context)).is_err() {
            self.state = UploadState::WriteFailed;
        }
        Poll::Ready(())
    }

    /// Whether another piece may be put into the buffer.
    fn has_room(&self, out: &[u8]) -> bool {
        if self.length == Some(Length::Chunked) {
            out.len() + CHUNK_FRAMING + MIN_CHUNK <= RECORD || out.is_empty()
        } else {
            out.len() < UPSTREAM_WRITE_BUFFER
        }
    }

    /// Puts the next piece of the body into the buffer.
    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Poll<()>, Fault> {
        if !self.rest.is_empty() {
            self.put_chunk(out);
            return self.end_with_body(out);
        }
        // If an HTTP/1.1 client waits for a 100, this poll makes its connection send one.
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            return Ok(Poll::Pending);
        };
        let Some(frame) = frame.transpose().map_err(Fault::Body)? else {
            self.finish(out, None)?;
            return Ok(Poll::Ready(()));
        };
        match frame.into_data() {
            Ok(data) if self.length == Some(Length::Chunked) => {
                self.rest = data;
                self.put_chunk(out);
            }
            Ok(data) => {
                if let Some(Length::Known(left)) = &mut self.length {
                    let more = || Fault::Body(io::Error::other("the body is longer than said"));
                    // To the server, bytes beyond the declared length would be the beginning of
                    // another request (request smuggling, RFC 9112 §11.2).
                    *left = left.checked_sub(data.len() as u64).ok_or_else(more)?;
                }
                out.extend_from_slice(&data);
            }
            Err(frame) => {
                // A frame that is not data holds the trailers, and is the last.
                let trailers = frame.into_trailers().ok();
                self.finish(out, trailers.as_ref())?;
            }
        }
        self.end_with_body(out)
    }

    /// If the body reports its end together with its last data, it is not polled again.
    fn end_with_body(&mut self, out: &mut Vec<u8>) -> Result<Poll<()>, Fault> {
        if self.state == UploadState::Body && self.rest.is_empty() && self.body.is_end_stream() {
            self.finish(out, None)?;
        }
        Ok(Poll::Ready(()))
    }

    /// Writes as much of `rest` as fits into the record, as one chunk. An empty chunk would be the
    /// last one, so none is written.
    fn put_chunk(&mut self, out: &mut Vec<u8>) {
        let room = RECORD.saturating_sub(out.len() + CHUNK_FRAMING);
        let data = self.rest.split_to(self.rest.len().min(room));
        if data.is_empty() {
            return;
        }
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend_from_slice(&data);
        out.extend_from_slice(b"\r\n");
    }

    fn finish(&mut self, out: &mut Vec<u8>, trailers: Option<&HeaderMap>) -> Result<(), Fault> {
        self.state = UploadState::Last;
        match self.length {
            Some(Length::Known(0)) | None => Ok(()),
            Some(Length::Chunked) => {
                match trailers {
                    None => out.extend_from_slice(LAST_CHUNK),
                    Some(trailers) => {
                        // Only those that the head has announced (RFC 9110 §6.6.2), so that the
                        // server knows in advance which ones to expect.
                        write_trailers(out, trailers, |name| self.trailers.contains(name));
                    }
                }
                Ok(())
            }
            // The server still waits for the rest. The fault closes the connection, so the server
            // sees an incomplete request (RFC 9112 §8).
            Some(_) => Err(Fault::Body(io::Error::other(
                "the body is shorter than said",
            ))),
        }
    }
}

fn length_of(body: &impl Streamed) -> Option<Length> {
    if body.is_end_stream() {
        return None;
    }
    Some(
        // Chunks only if the length is unknown: a server may reject a request without a length (RFC
        // 9112 §6.3).
        body.size_hint()
            .exact()
            .map_or(Length::Chunked, Length::Known),
    )
}

#[cfg(test)]
mod tests {
    use http_body::Frame;

    use super::*;
    use crate::proxy::message::body::scripted::Frames;

    /// A stream that records each write.
    #[derive(Debug, Default)]
    struct Records(Vec<Vec<u8>>);

    impl AsyncWrite for Records {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// The writes for a body of `pieces` behind a head of `head` bytes.
    fn records(head: usize, pieces: &[usize]) -> Vec<Vec<u8>> {
        let data = |size: &usize| Ok(Frame::data(Bytes::from(vec![b'x'; *size])));
        let body = Frames::new(pieces.iter().map(data));
        let (parts, ()) = http::Request::new(()).into_parts();
        let mut upload = Upload::new(body, &parts, false);
        let (mut io, mut out) = (Records::default(), Out::default());
        out.bytes.resize(head, b'h');
        let mut context = Context::from_waker(std::task::Waker::noop());
        let sent = upload.poll_send(&mut context, &mut io, &mut out);
        assert!(matches!(sent, Poll::Ready(Ok(()))) && upload.is_over());
        io.0
    }

    #[test]
    fn no_record_ends_within_the_frame_of_a_chunk() {
        for head in [0, 100, RECORD - 20, RECORD + 1] {
            let pieces = [1, RECORD - 1, RECORD, 3 * RECORD + 5, MIN_CHUNK, 1, 1];
            let mut data = 0;
            for (number, record) in records(head, &pieces).iter().enumerate() {
                let mut rest = match number {
                    0 => record.get(head..).unwrap_or_default(),
                    _ => record.as_slice(),
                };
                assert!(
                    record.len() <= RECORD.max(head + RECORD),
                    "{}",
                    record.len()
                );
                while !rest.is_empty() {
                    let line = rest.iter().position(|byte| *byte == b'\n').unwrap();
                    let size = std::str::from_utf8(&rest[..line - 1]).unwrap();
                    let size = usize::from_str_radix(size, 16).unwrap();
                    assert_eq!(&rest[line + 1 + size..line + 3 + size], b"\r\n", "{head}");
                    data += size;
                    rest = &rest[line + 3 + size..];
                }
            }
            assert_eq!(data, pieces.iter().sum::<usize>());
        }
    }
}
