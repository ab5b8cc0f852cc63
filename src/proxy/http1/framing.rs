//! Where a message's body ends (RFC 9112 §6), and its pieces as they come.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Fault;
use crate::proxy::limits::{LARGEST_HEAD, LONGEST_CHUNK_LINE, USUAL_HEADERS};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes of a chunk that are still to come.
    ChunkData(u64),
    /// The line break behind a chunk.
    ChunkEnd,
    ChunkSize,
    Ended,
    /// Bytes that are still to come.
    Left(u64),
    Trailers,
    UntilClose,
}

impl Decoder {
    pub(super) fn new(length: Length) -> Self {
        Self(match length {
            Length::Chunked => State::ChunkSize,
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
                    self.0 = State::ChunkSize;
                }
                State::ChunkSize => {
                    let Some(size) = chunk_size(read)? else {
                        return Ok(Piece::Incomplete);
                    };
                    self.0 = if size == 0 {
                        State::Trailers
                    } else {
                        State::ChunkData(size)
                    };
                }
                State::Trailers => {
                    let Some(trailers) = trailers(read)? else {
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

    /// Where the end of the body has come with its last data, it is known with them: what follows can then go out with them, too.
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
    let here = usize::try_from(left).map_or(read.len(), |left| left.min(read.len()));
    (here > 0).then(|| (read.split_to(here).freeze(), left - here as u64))
}

/// The line break that must stand there, strictly: a bare line feed is a break to one server and data to another.
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

fn chunk_size(read: &mut BytesMut) -> Result<Option<u64>, Fault> {
    let malformed = Fault::Malformed("its body has a chunk without a size");
    match httparse::parse_chunk_size(read) {
        Ok(httparse::Status::Complete((line, size))) => {
            read.advance(line);
            Ok(Some(size))
        }
        Ok(httparse::Status::Partial) if read.len() <= LONGEST_CHUNK_LINE => Ok(None),
        _ => Err(malformed),
    }
}

fn trailers(read: &mut BytesMut) -> Result<Option<HeaderMap>, Fault> {
    if read.starts_with(b"\r\n") {
        read.advance(2);
        return Ok(Some(HeaderMap::new()));
    }
    let mut fields = [httparse::EMPTY_HEADER; USUAL_HEADERS];
    let malformed = Fault::Malformed("its body has malformed trailers");
    match httparse::parse_headers(read, &mut fields) {
        Ok(httparse::Status::Complete((end, fields))) => {
            let mut map = HeaderMap::with_capacity(fields.len());
            for field in fields {
                let name = HeaderName::from_bytes(field.name.as_bytes());
                let value = HeaderValue::from_bytes(field.value);
                let (Ok(name), Ok(value)) = (name, value) else {
                    return Err(malformed);
                };
                map.append(name, value);
            }
            read.advance(end);
            Ok(Some(map))
        }
        Ok(httparse::Status::Partial) if read.len() <= LARGEST_HEAD => Ok(None),
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of `wire` when it is read in pieces of that size, and what is left of it.
    fn decode(length: Length, wire: &[u8], piece: usize) -> Result<(Vec<u8>, bool, usize), Fault> {
        let (mut decoder, mut read) = (Decoder::new(length), BytesMut::new());
        let (mut body, mut trailers) = (Vec::new(), false);
        let mut coming = wire.chunks(piece);
        loop {
            match decoder.next(&mut read)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::Trailers(_) => trailers = true,
                Piece::End => break,
                Piece::Incomplete => match coming.next() {
                    Some(more) => read.extend_from_slice(more),
                    None if decoder.ends_with_connection() => break,
                    None => return Err(Fault::Malformed("short")),
                },
            }
        }
        Ok((
            body,
            trailers,
            read.len() + coming.map(<[u8]>::len).sum::<usize>(),
        ))
    }

    #[test]
    fn bodies_end_where_they_say_however_they_are_read() {
        let table = [
            (Length::Known(5), &b"helloHTTP"[..], &b"hello"[..], false, 4),
            (Length::Known(0), b"HTTP", b"", false, 4),
            (Length::UntilClose, b"hello", b"hello", false, 0),
            (
                Length::Chunked,
                b"5\r\nhello\r\n0\r\n\r\nHTTP",
                b"hello",
                false,
                4,
            ),
            (Length::Chunked, b"0\r\n\r\n", b"", false, 0),
            (
                Length::Chunked,
                b"1;a=b\r\nh\r\n004\r\nello\r\n0\r\n\r\n",
                b"hello",
                false,
                0,
            ),
            (
                Length::Chunked,
                b"5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\nHTTP",
                b"hello",
                true,
                4,
            ),
        ];
        for (length, wire, body, trailers, left) in table {
            for piece in 1..=wire.len() {
                let decoded = decode(length, wire, piece).unwrap();
                // What is read in one piece with the end is left; what comes later is not even read.
                assert_eq!(
                    decoded,
                    (body.to_vec(), trailers, left),
                    "{piece} {}",
                    wire.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn what_two_servers_could_read_differently_is_refused() {
        for wire in [
            &b"5\r\nhelloX\r\n0\r\n\r\n"[..],
            b"5\r\nhello\n0\r\n\r\n",
            b"\r\n0\r\n\r\n",
            b"-1\r\nhello\r\n",
            b"5 x\r\nhello\r\n0\r\n\r\n",
            b"11111111111111111\r\nx",
            b"0\r\nbad name: 1\r\n\r\n",
        ] {
            for piece in [1, wire.len()] {
                assert!(
                    decode(Length::Chunked, wire, piece).is_err(),
                    "{}",
                    wire.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn endless_lines_are_refused() {
        let mut line = b"5;".to_vec();
        line.resize(2 * LONGEST_CHUNK_LINE, b'x');
        assert!(matches!(
            decode(Length::Chunked, &line, 1000),
            Err(Fault::Malformed("its body has a chunk without a size"))
        ));
        let mut trailers = b"0\r\nx: ".to_vec();
        trailers.resize(2 * LARGEST_HEAD, b'x');
        assert!(matches!(
            decode(Length::Chunked, &trailers, 1000),
            Err(Fault::Malformed("its body has malformed trailers"))
        ));
    }
}
