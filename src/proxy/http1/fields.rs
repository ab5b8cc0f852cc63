//! What the heads of requests and responses have in common: how their fields are read, and which of
//! them have their place in a head.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, header};

/// Digits and nothing else.
pub(super) fn parse_length(text: &[u8]) -> Option<u64> {
    // `str::parse` would take a sign as well, and RFC 9110 §8.6 knows digits alone. A number that
    // does not fit is no length: wrapped, it would be a smaller one.
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let append = |number: u64, byte| number.checked_mul(10)?.checked_add(digit(byte)?);
    (!text.is_empty()).then(|| text.iter().try_fold(0, append))?
}

/// Takes off the empty lines before a head (RFC 9112 §2.2). Left to httparse, each further one
/// would cost a parse of all of them.
pub(super) fn skip_empty_lines(read: &mut BytesMut) {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let ends = read.iter().take_while(|byte| is_end(byte)).count();
    // A carriage return at the end may be half of a line's end.
    let whole = read[..ends].iter().rposition(|byte| *byte == b'\n');
    // A bare one is none, and httparse says so.
    let is_bare = |pair: &[u8]| pair[0] == b'\r' && pair[1] != b'\n';
    let skipped = whole.map_or(0, |end| end + 1);
    if skipped > 0 && !read[..skipped].windows(2).any(is_bare) {
        read.advance(skipped);
    }
}

/// Whether a head that was not whole at `searched` bytes may be so now: one that drips in is not
/// parsed anew for each byte.
pub(super) fn may_be_whole(read: &[u8], searched: usize) -> bool {
    // The empty line may have begun before the border of what was searched. Line feeds may be bare,
    // as httparse takes those for line ends, too (RFC 9112 §2.2).
    let fresh = &read[searched.saturating_sub(3).min(read.len())..];
    memchr::memchr_iter(b'\n', fresh)
        .any(|at| matches!(&fresh[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// A part of what was read, as a part of its copy.
pub(super) fn share(copy: &Bytes, read: &[u8], part: &[u8]) -> Bytes {
    // httparse gives slices of what was read, and no offsets. Where one lies in it is where it lies
    // in the copy: each value is then a count and no allocation.
    let at = part.as_ptr().addr().wrapping_sub(read.as_ptr().addr());
    let end = at.saturating_add(part.len());
    match copy.get(at..end) {
        Some(_) => copy.slice(at..end),
        None => Bytes::copy_from_slice(part), // an empty one may stand anywhere
    }
}

/// The trailers that a request announces, and may.
pub(super) fn announced(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = headers.get_all(header::TRAILER).iter();
    names
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| !is_for_the_head(name))
        .collect()
}

/// Fields that frame, route or authenticate a message have no place behind it (RFC 9110 §6.5.1).
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
