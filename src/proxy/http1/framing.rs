//! Message framing (RFC 9112 §6): where a body ends, and the decoder for it.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;
use crate::proxy::limits::{DEFAULT_HEADERS, MAX_CHUNK_LINE, MAX_HEAD};

/// How the end of a body is determined (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Length {
    /// By the chunked transfer coding.
    Chunked,
    /// By a number of bytes.
    Known(u64),
    /// By the close of the connection; responses only.
    UntilClose,
}

/// The last chunk, without trailers.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A decoded piece of a body.
#[derive(Debug)]
pub(super) enum Piece {
    Data(Bytes),
    /// The body has ended.
    End,
    /// More bytes must be read first.
    Incomplete,
    /// The trailers, which end the body.
    Trailers(HeaderMap),
}

/// Decodes a body from the bytes that were read from a connection.
#[derive(Debug)]
pub(super) struct Decoder(State);

/// The state of a [`Decoder`]:
///
/// ```text
/// Left       ── the last byte ──────────────────────────► Ended
/// UntilClose    (the reader of the connection sees the close)
/// ChunkSize  ── a size above 0 ─────────────────────────► ChunkData
///            ── size 0, the last chunk ─────────────────► Trailers
/// ChunkData  ── the last byte of the chunk ─────────────► ChunkEnd
///            ── likewise, and the buffer goes on with
///               the last chunk and no trailers ─────────► Ended
/// ChunkEnd   ── CRLF ───────────────────────────────────► ChunkSize
/// Trailers   ── an empty line ──────────────────────────► Ended
/// ```
///
/// Data is passed on as it comes, so a chunk of any size needs no buffer. Lines are buffered until
/// they are complete, each up to a limit ([`MAX_CHUNK_LINE`], [`MAX_HEAD`]). Malformed input does
/// not change the state: each further call reports the same error, and nothing after the malformed
/// part is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Inside a chunk: how many of its bytes are still to come.
    ChunkData(u64),
    /// Before the line break that ends a chunk.
    ChunkEnd,
    /// Before a chunk-size line: how many buffered bytes have been searched without finding its
    /// end.
    ChunkSize(usize),
    Ended,
    /// Inside a body of known length: how many bytes are still to come.
    Left(u64),
    /// In the trailers: how many buffered bytes have been searched without finding their end.
    Trailers(usize),
    UntilClose,
}

impl Decoder {
    pub(super) fn new(length: Length) -> Self {
        Self(match length {
            Length::Chunked => State::ChunkSize(0),
            Length::Known(0) => State::Ended,
            Length::Known(bytes) => State::Left(bytes),
            Length::UntilClose => State::UntilClose,
        })
    }

    /// A decoder for a body that has already ended.
    pub(super) fn ended() -> Self {
        Self(State::Ended)
    }

    /// Whether the whole body has been decoded.
    pub(super) fn has_ended(&self) -> bool {
        self.0 == State::Ended
    }

    /// Whether the close of the connection ends the body.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.0 == State::UntilClose
    }

    /// How many bytes are still to come, if that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self.0 {
            State::Ended => Some(0),
            State::Left(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Decodes the next piece from the bytes that were read.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Piece, Fault> {
        loop {
            match self.0 {
                State::Ended => return Ok(Piece::End),
                State::UntilClose if read.is_empty() => return Ok(Piece::Incomplete),
                State::UntilClose => return Ok(Piece::Data(read.split().freeze())),
                State::Left(left) => {
                    let Some((data, left)) = take(read, left) else {
                        return Ok(Piece::Incomplete);
                    };
                    self.0 = if left == 0 {
                        State::Ended
                    } else {
                        State::Left(left)
                    };
                    return Ok(Piece::Data(data));
                }
                State::ChunkData(left) => {
                    let Some((data, left)) = take(read, left) else {
                        return Ok(Piece::Incomplete);
                    };
                    self.0 = State::ChunkData(left);
                    if left == 0 {
                        self.0 = State::ChunkEnd;
                        self.look_ahead(read);
                    }
                    return Ok(Piece::Data(data));
                }
                State::ChunkEnd => {
                    if !line_break(read)? {
                        return Ok(Piece::Incomplete);
                    }
                    self.0 = State::ChunkSize(0);
                }
                State::ChunkSize(searched) => {
                    let Some(size) = chunk_size(read, searched)? else {
                        self.0 = State::ChunkSize(read.len());
                        return Ok(Piece::Incomplete);
                    };
                    self.0 = if size == 0 {
                        State::Trailers(0)
                    } else {
                        State::ChunkData(size)
                    };
                }
                State::Trailers(searched) => {
                    let Some(trailers) = trailers(read, searched)? else {
                        self.0 = State::Trailers(read.len());
                        return Ok(Piece::Incomplete);
                    };
                    self.0 = State::Ended;
                    if !trailers.is_empty() {
                        return Ok(Piece::Trailers(trailers));
                    }
                }
            }
        }
    }

    /// Ends the body if its end is already in the buffer after the last data. The end can then be
    /// forwarded together with this data.
    fn look_ahead(&mut self, read: &mut BytesMut) {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        if read.starts_with(END) {
            read.advance(END.len());
            self.0 = State::Ended;
        }
    }
}

/// Takes up to `left` bytes. Returns them, and how many are still to come; `None` if the buffer is
/// empty.
fn take(read: &mut BytesMut, left: u64) -> Option<(Bytes, u64)> {
    // `left` may exceed `usize`: then it exceeds the buffer as well.
    let here = usize::try_from(left).map_or(read.len(), |left| left.min(read.len()));
    (here > 0).then(|| (read.split_to(here).freeze(), left - here as u64))
}

/// Takes the line break that ends a chunk; `false` if it has not come yet. It must be CRLF: a bare
/// line feed is a line break to one server and data to another.
fn line_break(read: &mut BytesMut) -> Result<bool, Fault> {
    match read.as_ref() {
        [b'\r', b'\n', ..] => {
            read.advance(2);
            Ok(true)
        }
        [] | [b'\r'] => Ok(false),
        _ => Err(Fault::Malformed("a chunk of its body is longer than said")),
    }
}

/// Takes a chunk-size line and returns the size; `None` if the line is not complete yet. An
/// incomplete line is not parsed, so if a body arrives byte by byte, each byte is looked at once.
fn chunk_size(read: &mut BytesMut, searched: usize) -> Result<Option<u64>, Fault> {
    let malformed = Fault::Malformed("its body has a chunk without a size");
    let fresh = read.get(searched..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', fresh).map(|at| searched + at) else {
        // Chunk extensions can have any length and mean nothing to this proxy. RFC 9112 §7.1.1 asks
        // for a limit.
        let is_bounded = read.len() <= MAX_CHUNK_LINE;
        return is_bounded.then_some(None).ok_or(malformed);
    };
    if end > MAX_CHUNK_LINE {
        return Err(malformed); // the same limit if the line came at once
    }
    let line = &read[..=end];
    // httparse reads a line without a digit as size 0. That would be the last chunk, and a body
    // that broke off would look complete.
    if !line[0].is_ascii_hexdigit() {
        return Err(malformed);
    }
    // httparse takes up to 16 digits, so the size fits into 64 bits. RFC 9112 §7.1 warns of an
    // integer overflow: two recipients would then see chunks of different sizes.
    match httparse::parse_chunk_size(line) {
        // An extension must not hide a bare line feed: other recipients take it for the end of the
        // line (RFC 9112 §7.1.1, §2.2).
        Ok(httparse::Status::Complete((length, size))) if length == line.len() => {
            read.advance(length);
            Ok(Some(size))
        }
        _ => Err(malformed),
    }
}

/// Takes the trailers after the last chunk (RFC 9112 §7.1.2); `None` if they are not complete yet.
/// Lines must end with CRLF. If a bare line feed ended the trailers for one recipient and not for
/// another, one of them would see a second message.
fn trailers(read: &mut BytesMut, searched: usize) -> Result<Option<HeaderMap>, Fault> {
    let malformed = || Fault::Malformed("its body has malformed trailers");
    // Trailers are buffered until they are complete, so their size is limited, as that of a head
    // is.
    let Some(end) = end_of_trailers(read, searched).map_err(|BareFeed| malformed())? else {
        let is_bounded = read.len() <= MAX_HEAD;
        return is_bounded.then_some(None).ok_or_else(malformed);
    };
    if end > MAX_HEAD {
        return Err(malformed());
    }
    // On the stack, because few bodies have trailers. Trailers with more fields are rejected.
    let mut fields = [httparse::EMPTY_HEADER; DEFAULT_HEADERS];
    let Ok(httparse::Status::Complete((_, fields))) =
        httparse::parse_headers(&read[..end], &mut fields)
    else {
        return Err(malformed());
    };
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(malformed());
        };
        map.append(name, value);
    }
    read.advance(end);
    Ok(Some(map))
}

/// A line feed without a carriage return before it.
struct BareFeed;

/// The position after the trailers, if their end has come.
fn end_of_trailers(read: &[u8], searched: usize) -> Result<Option<usize>, BareFeed> {
    let fresh = read.get(searched..).unwrap_or_default();
    // The empty line that ends the trailers is either the first line, or follows the end of another
    // line, which may be among the bytes searched before.
    for feed in memchr::memchr_iter(b'\n', fresh).map(|at| searched + at) {
        let line = read[..feed].strip_suffix(b"\r").ok_or(BareFeed)?;
        if line.is_empty() || line.ends_with(b"\n") {
            return Ok(Some(feed + 1));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
