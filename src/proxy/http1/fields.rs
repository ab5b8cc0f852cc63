//! What the heads of requests and responses have in common: how their fields are read, and which
//! fields are allowed only in a head.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, header};

/// Parses digits and nothing else.
pub(super) fn parse_length(text: &[u8]) -> Option<u64> {
    // `str::parse` would accept a sign as well; RFC 9110 §8.6 allows only digits. A number that
    // does not fit into 64 bits is rejected: wrapped around, it would be a smaller length.
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let append = |number: u64, byte| number.checked_mul(10)?.checked_add(digit(byte)?);
    (!text.is_empty()).then(|| text.iter().try_fold(0, append))?
}

/// Removes the empty lines before a head (RFC 9112 §2.2). httparse would skip them too, but would
/// parse all of them again for each further one.
pub(super) fn skip_empty_lines(read: &mut BytesMut) {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let ends = read.iter().take_while(|byte| is_end(byte)).count();
    // A carriage return at the end of the buffer may be the first half of a line end.
    let whole = read[..ends].iter().rposition(|byte| *byte == b'\n');
    // A bare carriage return is not a line end. It is left in place, so that httparse rejects it.
    let is_bare = |pair: &[u8]| pair[0] == b'\r' && pair[1] != b'\n';
    let skipped = whole.map_or(0, |end| end + 1);
    if skipped > 0 && !read[..skipped].windows(2).any(is_bare) {
        read.advance(skipped);
    }
}

/// Whether a head that was not complete at `searched` bytes may be complete now. So a head that
/// comes byte by byte is not parsed again for each byte.
pub(super) fn may_be_whole(read: &[u8], searched: usize) -> bool {
    // The empty line may have begun among the last searched bytes. Line feeds may be bare, because
    // httparse accepts those as line ends, too (RFC 9112 §2.2).
    let fresh = &read[searched.saturating_sub(3).min(read.len())..];
    memchr::memchr_iter(b'\n', fresh)
        .any(|at| matches!(&fresh[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// The slice of `copy` at the position that `part` has in `read`.
pub(super) fn share(copy: &Bytes, read: &[u8], part: &[u8]) -> Bytes {
    // httparse returns slices of `read` without their offsets. The addresses give the position, so
    // a value costs a reference count and no allocation.
    let at = part.as_ptr().addr().wrapping_sub(read.as_ptr().addr());
    let end = at.saturating_add(part.len());
    match copy.get(at..end) {
        Some(_) => copy.slice(at..end),
        None => Bytes::copy_from_slice(part), // an empty slice may point anywhere
    }
}

/// The trailers that a request announces in `Trailer`, without those that are not allowed as
/// trailers.
pub(super) fn announced(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = headers.get_all(header::TRAILER).iter();
    names
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| !is_for_the_head(name))
        .collect()
}

/// Fields for framing, routing, authentication and the format of the content, among others, are not
/// allowed as trailers (RFC 9110 §6.5.1).
pub(super) fn is_for_the_head(name: &HeaderName) -> bool {
    [
        header::AUTHORIZATION,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::HOST,
        header::PROXY_AUTHORIZATION,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_before_a_head_are_taken_off_as_they_come() {
        for (wire, left) in [
            ("\r\n\nGET", "GET"),
            ("\r\n\r\n\r", "\r"),
            ("\r", "\r"),
            ("\r\rGET", "\r\rGET"),
            ("\r\n\r\r\nGET", "\r\n\r\r\nGET"),
            ("GET\r\n", "GET\r\n"),
            ("", ""),
        ] {
            let mut read = BytesMut::from(wire);
            skip_empty_lines(&mut read);
            assert_eq!(read, left, "{wire:?}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_in_whichever_pieces_it_comes() {
        for head in [
            "HTTP/1.1 200 OK\r\na: b\r\n\r\n",
            "HTTP/1.1 200 OK\na: b\n\n",
        ] {
            for cut in 0..head.len() {
                assert!(!may_be_whole(&head.as_bytes()[..cut], 0), "{cut}");
                assert!(may_be_whole(head.as_bytes(), cut), "{cut}");
            }
        }
    }
}
