//! Where a message's body ends (RFC 9112 §6), and its pieces as they come.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;
use crate::proxy::limits::{DEFAULT_HEADERS, MAX_CHUNK_LINE, MAX_HEAD};

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Length {
    /// By chunks.
    Chunked,
    /// By a number of bytes.
    Known(u64),
    /// By the end of the connection; answers only.
    UntilClose,
}

/// The last chunk, without trailers.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A piece of a body.
#[derive(Debug)]
pub(super) enum Piece {
    Data(Bytes),
    /// Nothing follows.
    End,
    /// More must be read first.
    Incomplete,
    /// Nothing follows these.
    Trailers(HeaderMap),
}

/// Takes a body out of what was read of a connection.
#[derive(Debug)]
pub(super) struct Decoder(State);

/// Where a [`Decoder`] stands:
///
/// ```text
/// Left       ── its last byte ─────────────────────► Ended
/// UntilClose (whoever reads the connection sees its end)
/// ChunkSize  ── a size ────────────────────────────► ChunkData
///            ── 0 ─────────────────────────────────► Trailers
/// ChunkData  ── its last byte ─────────────────────► ChunkEnd
///            ── the same, and the end is there too ► Ended
/// ChunkEnd   ── CRLF ──────────────────────────────► ChunkSize
/// Trailers   ── an empty line ─────────────────────► Ended
/// ```
///
/// Data are passed on as they come, so a chunk of any size needs no room. Lines are waited for,
/// each up to a bound ([`MAX_CHUNK_LINE`], [`MAX_HEAD`]). What is malformed changes no
/// state: each further look finds it again, and nothing behind it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes of a chunk that are still to come.
    ChunkData(u64),
    /// The line break behind a chunk.
    ChunkEnd,
    /// The line before a chunk, of which so many bytes are known to have no end.
    ChunkSize(usize),
    Ended,
    /// Bytes that are still to come.
    Left(u64),
    /// Fields, of which so many bytes are known to have no end.
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

    /// Of a body of which nothing is left.
    pub(super) fn ended() -> Self {
        Self(State::Ended)
    }

    /// Whether the body has been taken out whole.
    pub(super) fn has_ended(&self) -> bool {
        self.0 == State::Ended
    }

    /// Whether the end of the connection is the end of the body.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.0 == State::UntilClose
    }

    /// The bytes that are left, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self.0 {
            State::Ended => Some(0),
            State::Left(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The next piece of what was read.
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

    /// Where the end of the body has come with its last data, it is known with them: what follows
    /// can then go out with them, too.
    fn look_ahead(&mut self, read: &mut BytesMut) {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        if read.starts_with(END) {
            read.advance(END.len());
            self.0 = State::Ended;
        }
    }
}

/// As much as is there of what is left; `None` if that is nothing.
fn take(read: &mut BytesMut, left: u64) -> Option<(Bytes, u64)> {
    // A length may be more than a machine can address: then it is more than is there.
    let here = usize::try_from(left).map_or(read.len(), |left| left.min(read.len()));
    (here > 0).then(|| (read.split_to(here).freeze(), left - here as u64))
}

/// The line break that must stand there, strictly: a bare line feed is a break to one server and
/// data to another.
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

/// The size in the line before a chunk. The line is parsed once it is whole: in a body that drips
/// in, each byte costs a look at itself only.
fn chunk_size(read: &mut BytesMut, searched: usize) -> Result<Option<u64>, Fault> {
    let malformed = Fault::Malformed("its body has a chunk without a size");
    let fresh = read.get(searched..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', fresh).map(|at| searched + at) else {
        // Extensions may be of any length, and mean nothing to this proxy. RFC 9112 §7.1.1 wants
        // them bounded.
        let is_bounded = read.len() <= MAX_CHUNK_LINE;
        return is_bounded.then_some(None).ok_or(malformed);
    };
    if end > MAX_CHUNK_LINE {
        return Err(malformed); // whether at once or in pieces
    }
    let line = &read[..=end];
    // httparse reads a line without a digit as a size of 0, which would be the last chunk: a body
    // that broke off would look whole.
    if !line[0].is_ascii_hexdigit() {
        return Err(malformed);
    }
    // Up to 16 digits, so that the size has room in 64 bits: RFC 9112 §7.1 warns of overflow, after
    // which two readers see chunks of two sizes.
    match httparse::parse_chunk_size(line) {
        // An extension may not hide a bare line feed, which is the end of the line to other readers
        // (RFC 9112 §7.1.1, §2.2).
        Ok(httparse::Status::Complete((length, size))) if length == line.len() => {
            read.advance(length);
            Ok(Some(size))
        }
        _ => Err(malformed),
    }
}

/// The fields behind the last chunk (RFC 9112 §7.1.2), parsed once they are whole. Lines end with
/// CRLF only: what a bare line feed ends for one reader and not for another is a second message to
/// one of them.
fn trailers(read: &mut BytesMut, searched: usize) -> Result<Option<HeaderMap>, Fault> {
    let malformed = || Fault::Malformed("its body has malformed trailers");
    // They are kept until they are whole, so their size is bounded, as a head's is.
    let Some(end) = end_of_trailers(read, searched).map_err(|BareFeed| malformed())? else {
        let is_bounded = read.len() <= MAX_HEAD;
        return is_bounded.then_some(None).ok_or_else(malformed);
    };
    if end > MAX_HEAD {
        return Err(malformed());
    }
    // On the stack, as few bodies have trailers: more fields than these are refused.
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

/// A line feed without its carriage return.
struct BareFeed;

/// Where the trailers end, if they do yet.
fn end_of_trailers(read: &[u8], searched: usize) -> Result<Option<usize>, BareFeed> {
    let fresh = read.get(searched..).unwrap_or_default();
    // The empty line is the first one, or begins where another ends, which may have been searched
    // before.
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
