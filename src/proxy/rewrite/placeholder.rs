//! Finds the placeholder wherever it may be in a request, so that it does not leave the machine.

use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use percent_encoding::percent_decode;

use crate::env::env_vars::PLACEHOLDER;

/// Which part of a request's head holds the placeholder, if any.
pub(in crate::proxy) fn find_in_head(parts: &Parts) -> Option<&'static str> {
    let target = parts
        .uri
        .path_and_query()
        .map_or("", http::uri::PathAndQuery::as_str);
    if is_in_text(target) {
        return Some("the URL");
    }
    find_in_headers(&parts.headers)
}

/// Whether a part of a URL holds the placeholder, percent-encoded or not.
pub(in crate::proxy) fn is_in_text(text: &str) -> bool {
    holds(text.as_bytes())
        || (text.contains('%') && holds(&percent_decode(text.as_bytes()).collect::<Vec<_>>()))
}

/// Whether a field value holds the placeholder, as it is or inside Basic credentials.
pub(in crate::proxy) fn is_in_value(value: &HeaderValue) -> bool {
    holds(value.as_bytes()) || decoded_basic(value).is_some_and(|plain| holds(&plain))
}

/// Which of these fields or trailers holds the placeholder, if any.
pub(in crate::proxy) fn find_in_headers(headers: &HeaderMap) -> Option<&'static str> {
    let in_basic = |value: &HeaderValue| decoded_basic(value).is_some_and(|plain| holds(&plain));
    if headers.get_all(AUTHORIZATION).iter().any(in_basic) {
        return Some("the Authorization header");
    }
    let stands = |(name, value): (&HeaderName, &HeaderValue)| {
        holds(value.as_bytes()) || holds(name.as_str().as_bytes())
    };
    headers.iter().any(stands).then_some("a header")
}

/// Decodes Basic credentials as leniently as the most lenient server: either alphabet, padded or
/// not, with other characters in between, and with any bits left over (Ruby's `decode64` accepts
/// all of these).
fn decoded_basic(value: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, credential) = value.as_bytes().split_at_checked("basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let letters = credential.iter().filter_map(|byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(*byte),
        other => other.is_ascii_alphanumeric().then_some(*other),
    });
    let mut standard: Vec<u8> = letters.collect();
    // A single letter at the end encodes no whole byte.
    if standard.len() % 4 == 1 {
        standard.pop();
    }
    FORGIVING.decode(standard).ok()
}

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Made once: preparing the search costs more than searching a field.
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(PLACEHOLDER.as_bytes()));

fn holds(bytes: &[u8]) -> bool {
    bytes.len() >= PLACEHOLDER.len() && FINDER.find(bytes).is_some()
}

/// Searches a body for the placeholder as it streams, across the boundaries of its pieces. It holds
/// nothing back: what was sent before is at most the beginning of a placeholder, and the piece that
/// would complete it is not sent.
#[derive(Debug)]
pub(in crate::proxy) struct Scanner {
    tail: Vec<u8>,
}

impl Scanner {
    pub(in crate::proxy) fn new() -> Self {
        Self { tail: Vec::new() }
    }

    /// Whether the placeholder ends in this piece.
    pub(in crate::proxy) fn completes(&mut self, piece: &[u8]) -> bool {
        let overlap = PLACEHOLDER.len() - 1;
        let mut border = std::mem::take(&mut self.tail);
        border.extend_from_slice(&piece[..piece.len().min(overlap)]);
        let found = holds(&border) || holds(piece);
        if piece.len() >= overlap {
            border.clear();
            border.extend_from_slice(&piece[piece.len() - overlap..]);
        } else {
            border.drain(..border.len().saturating_sub(overlap));
        }
        self.tail = border;
        found
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use http::Request;

    use super::*;

    fn find(uri: &str, name: &str, value: &str) -> bool {
        let (parts, ()) = Request::builder()
            .uri(uri)
            .header(name, value)
            .body(())
            .unwrap()
            .into_parts();
        find_in_head(&parts).is_some()
    }

    #[test]
    fn finds_it_in_every_disguise_of_a_head() {
        let basic = |text: String| format!("bAsic {}", STANDARD.encode(text));
        assert!(find("/", "x-token", PLACEHOLDER));
        assert!(find("/", "authorization", &format!("Bearer {PLACEHOLDER}")));
        assert!(find(
            "/",
            "authorization",
            &basic(format!("user:{PLACEHOLDER}"))
        ));
        assert!(find(
            "/",
            "authorization",
            &basic(format!("{PLACEHOLDER}:"))
        ));
        let unpadded = URL_SAFE_NO_PAD.encode(format!("user:{PLACEHOLDER}"));
        assert!(find("/", "authorization", &format!("Basic {unpadded}")));
        assert!(find("/", PLACEHOLDER, "x"));
        assert!(find(&format!("/?a=b&token={PLACEHOLDER}"), "x", "y"));
        assert!(find("/?token=authsome%2Dproxy%2dmanaged", "x", "y"));
        assert!(find(&format!("/{PLACEHOLDER}/x"), "x", "y"));
        assert!(!find(
            "/authsome-proxy",
            "authorization",
            &basic("user:authsome".to_owned())
        ));
    }

    #[test]
    fn finds_it_across_any_border() {
        let body = format!("{{\"token\":\"{PLACEHOLDER}\"}}").into_bytes();
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let mut scanner = Scanner::new();
                let pieces = [&body[..first], &body[first..second], &body[second..]];
                let found: Vec<_> = pieces
                    .into_iter()
                    .map(|piece| scanner.completes(piece))
                    .collect();
                assert!(found.contains(&true), "{first} {second}");
            }
        }
        let mut byte_by_byte = Scanner::new();
        assert!(
            body.iter()
                .map(|byte| byte_by_byte.completes(&[*byte]))
                .collect::<Vec<_>>()
                .contains(&true)
        );
    }

    #[test]
    fn finds_nothing_in_what_only_looks_like_it() {
        let mut scanner = Scanner::new();
        assert!(!scanner.completes(b"authsome-proxy-manage"));
        assert!(!scanner.completes(b"x authsome-proxy-"));
        assert!(!scanner.completes(b""));
        assert!(!scanner.completes(b"Managed"));
    }
}
