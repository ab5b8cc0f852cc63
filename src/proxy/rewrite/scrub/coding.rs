//! Content codings of a streamed body (RFC 9110 §8.4.1): taken off, so that the text can be
//! searched, and put on again, so that the response is what its header fields say.
//!
//! ```text
//! gzip, br ──> br off ──> gzip off ──> text ──> gzip on ──> br on
//!             decode.rs                          encode.rs
//! ```
//!
//! Each piece that comes is decoded as far as it goes, and each piece that goes out is whole for a
//! decoder: no stream waits for more. A piece has at most [`DECODED_PIECE`](crate::proxy::limits)
//! bytes, however much a few bytes stand for, and the decoder stops until it is asked for the next
//! one. So a bomb costs the time of who reads it, and no memory.

pub(super) mod decode;
pub(super) mod encode;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use thiserror::Error;

use crate::proxy::limits::MAX_CODINGS;

/// A coding that can be taken off and put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Coding {
    /// RFC 7932.
    Brotli,
    /// RFC 1950, or RFC 1951 without it, which some servers send.
    Deflate,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// The codings of a body, in the order in which they were put on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Codings(pub(super) Vec<Coding>);

/// Why a body cannot be decoded further. What was given out so far is right.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(in crate::proxy) enum CodingError {
    /// The bytes are not of the coding that the header fields name.
    #[error("the body is not what its Content-Encoding says")]
    Malformed,
    /// The body has ended within the coding.
    #[error("the body has ended too early for its Content-Encoding")]
    Truncated,
}

impl Codings {
    /// What the header fields name. `None` if one of the codings is unknown, or they are too many.
    pub(in crate::proxy) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = Vec::new();
        for line in headers.get_all(CONTENT_ENCODING) {
            for name in line.to_str().ok()?.split(',').map(str::trim) {
                let coding = match name.to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "br" => Coding::Brotli,
                    "deflate" => Coding::Deflate,
                    "gzip" | "x-gzip" => Coding::Gzip,
                    "zstd" => Coding::Zstd,
                    _ => return None,
                };
                codings.push(coding);
            }
        }
        (codings.len() <= MAX_CODINGS).then_some(Self(codings))
    }

    /// Whether the body is the text itself.
    pub(in crate::proxy) fn is_identity(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn codings(lines: &[&'static str]) -> Option<Vec<Coding>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(line));
        }
        Codings::of(&headers).map(|codings| codings.0)
    }

    #[test]
    fn a_list_is_read_in_its_order() {
        assert_eq!(codings(&[]), Some(vec![]));
        assert_eq!(codings(&["identity, "]), Some(vec![]));
        let both = Some(vec![Coding::Gzip, Coding::Brotli]);
        assert_eq!(codings(&["X-GZip , br"]), both);
        assert_eq!(codings(&["gzip", "br"]), both);
    }

    #[test]
    fn what_is_unknown_or_too_much_is_told() {
        assert_eq!(codings(&["gzip, compress"]), None);
        assert_eq!(codings(&["aws-chunked"]), None);
        assert_eq!(codings(&["gzip,gzip,gzip,gzip"]), None);
    }
}
