//! Finds the placeholder wherever it may be in a request's head, so that it does not leave the
//! machine. `others` are those of the provider that do not have the usual one in them.

use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use memchr::memchr;
use memchr::memmem::Finder;
use percent_encoding::percent_decode;

use crate::defence::Defence;
use crate::env::env_vars::PLACEHOLDER;

/// Which part of a request's head holds the placeholder, if any.
pub(in crate::proxy) fn find_in_head(parts: &Parts, others: &Others) -> Option<&'static str> {
    let target = parts
        .uri
        .path_and_query()
        .map_or("", http::uri::PathAndQuery::as_str);
    if is_in_text(target, others) {
        return Some("the URL");
    }
    find_in_headers(&parts.headers, others)
}

/// Whether a part of a URL holds the placeholder, percent-encoded or not.
pub(in crate::proxy) fn is_in_text(text: &str, others: &Others) -> bool {
    let is_encoded = || {
        let plain: Vec<u8> = percent_decode(text.as_bytes()).collect();
        holds(&plain, others)
    };
    holds(text.as_bytes(), others) || (memchr(b'%', text.as_bytes()).is_some() && is_encoded())
}

/// Whether a field value holds the placeholder, as it is or inside Basic credentials.
pub(in crate::proxy) fn is_in_value(value: &HeaderValue, others: &Others) -> bool {
    let plain = || decoded_basic(value).is_some_and(|plain| holds(&plain, others));
    holds(value.as_bytes(), others) || plain()
}

/// Which of these fields or trailers holds the placeholder, if any.
pub(in crate::proxy) fn find_in_headers(
    headers: &HeaderMap,
    others: &Others,
) -> Option<&'static str> {
    let in_basic =
        |value: &HeaderValue| decoded_basic(value).is_some_and(|plain| holds(&plain, others));
    if headers.get_all(AUTHORIZATION).iter().any(in_basic) {
        return Some("the Authorization header");
    }
    let stands = |(name, value): (&HeaderName, &HeaderValue)| {
        holds(value.as_bytes(), others) || holds(name.as_str().as_bytes(), others)
    };
    headers.iter().any(stands).then_some("a header")
}

/// Decodes Basic credentials as leniently as the most lenient server: either alphabet, padded or
/// not, with other characters in between, and with any bits left over (Ruby's `decode64` accepts
/// all of these).
pub(super) fn decoded_basic(value: &HeaderValue) -> Option<Vec<u8>> {
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

/// At how many places the usual placeholder may begin for a search to cost more to begin with than
/// to look at each: in most fields.
const FEW_PLACES: usize = 24;

fn holds(bytes: &[u8], others: &Others) -> bool {
    if !Defence::PlaceholderInHead.stands() {
        return false;
    }
    holds_usual(bytes) || others.0.iter().any(|other| other.find(bytes).is_some())
}

fn holds_usual(bytes: &[u8]) -> bool {
    let wanted = PLACEHOLDER.as_bytes();
    match (bytes.len() + 1).saturating_sub(wanted.len()) {
        0 => false,
        1..=FEW_PLACES => {
            let mut places = bytes.windows(wanted.len());
            places.any(|place| place.first() == wanted.first() && place == wanted)
        }
        _ => FINDER.find(bytes).is_some(),
    }
}

/// Placeholders that do not have the usual one in them, because a service's tools check the form of
/// a key.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Others(Vec<Finder<'static>>);

impl Others {
    pub(in crate::proxy) fn of(placeholders: &[String]) -> Self {
        let finders = placeholders.iter();
        let finders = finders.map(|text| Finder::new(text.as_bytes()).into_owned());
        Self(finders.collect())
    }

    /// The length of the longest placeholder, the usual one included.
    pub(super) fn longest(&self) -> usize {
        let lengths = self.0.iter().map(|other| other.needle().len());
        lengths.fold(PLACEHOLDER.len(), usize::max)
    }

    /// Where placeholders begin and end in the text.
    pub(super) fn places(&self, text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        std::iter::once(&*FINDER)
            .chain(&self.0)
            .flat_map(move |finder| {
                let length = finder.needle().len();
                finder.find_iter(text).map(move |at| (at, at + length))
            })
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
        find_in_head(&parts, &Others::default()).is_some()
    }

    #[test]
    fn finds_what_else_stands_for_a_key() {
        let others = Others::of(&["sk_test_authsomeproxymanaged".to_owned()]);
        let (parts, ()) = Request::get("/?key=sk_test_authsomeproxymanaged")
            .body(())
            .unwrap()
            .into_parts();
        assert_eq!(find_in_head(&parts, &others), Some("the URL"));
        assert_eq!(find_in_head(&parts, &Others::default()), None);
    }

    #[test]
    fn finds_it_at_every_place_of_a_long_and_a_short_text() {
        for before in 0..2 * FEW_PLACES {
            for behind in [0, 1, FEW_PLACES] {
                let text = format!("{}{PLACEHOLDER}{}", "a".repeat(before), "d".repeat(behind));
                let others = Others::default();
                assert!(holds(text.as_bytes(), &others), "{text}");
                let broken = text.replace("proxy", "prozy");
                assert!(!holds(broken.as_bytes(), &others), "{broken}");
            }
        }
        assert!(!holds(b"authsome-proxy-manage", &Others::default()));
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
}
