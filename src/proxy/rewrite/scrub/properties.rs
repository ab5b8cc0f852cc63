//! Properties that hold for any bytes. The fuzz targets in `fuzz/` look for bytes that violate one,
//! and a unit test runs their seeds. A violated property panics.

use std::sync::Arc;

use bytes::Bytes;

use super::coding::decode::Decoder;
use super::coding::encode::Encoder;
use super::coding::{Coding, CodingError, Codings};
use super::forms::{Form, forms};
use super::patterns::{Fit, Hidden, Patterns};
use super::stream::Scrubber;
use crate::proxy::limits::DECODED_PIECE;

const PLACEHOLDER: &str = "authsome-proxy-managed";

/// One is the beginning of another one, one repeats itself, and one is escaped everywhere.
const SECRETS: [&[u8]; 5] = [
    b"glpat-AbCdEfGhIjKlMnOpQrSt",
    b"glpat-AbCdEf",
    b"aaaaaaaab",
    b"a+b/c=d&e<f>g\"h'i j\\k~",
    b"\xc3\xa9\xf0\x9f\x98\x80-not-ascii",
];

/// Whatever is replaced in a text as it streams is what is replaced in the whole text, by a search
/// that is too simple to be wrong.
pub(crate) fn scrubber(bytes: &[u8]) {
    let [seed, rest @ ..] = bytes else { return };
    let forms = all_forms();
    let text = text(rest, &forms);
    let patterns = Arc::new(patterns());
    let mut cut = Cutter(u32::from(*seed));
    for fit in [Fit::Exact, Fit::SameLength] {
        let expected = simply(&text, &forms, fit);
        let found = patterns.scrub(&text, fit);
        assert_eq!(found.as_ref().unwrap_or(&text), &expected, "whole");
        if fit == Fit::SameLength {
            assert_eq!(expected.len(), text.len());
        }
        let mut scrubber = Scrubber::new(Arc::clone(&patterns), fit);
        let mut streamed = Vec::new();
        for piece in cut.pieces(&text) {
            streamed.extend(scrubber.push(piece).unwrap_or_default());
        }
        streamed.extend(scrubber.finish().unwrap_or_default());
        assert_eq!(streamed, expected, "in pieces");
    }
}

/// A body in a coding is decoded to the same text however it is cut, in bounded pieces, or is
/// refused however it is cut; and what was encoded is decoded to what it was.
pub(crate) fn codings(bytes: &[u8]) {
    let [seed, rest @ ..] = bytes else { return };
    let mut cut = Cutter(u32::from(*seed));
    let all = [Coding::Brotli, Coding::Deflate, Coding::Gzip, Coding::Zstd];
    for coding in all {
        let codings = Codings(vec![coding]);
        let whole = decoded(&codings, [Bytes::copy_from_slice(rest)]);
        let pieces = decoded(&codings, cut.pieces(rest));
        // How much comes out before an error depends on the pieces.
        assert_eq!(whole.is_ok(), pieces.is_ok(), "{coding:?}");
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            assert!(whole == pieces, "{coding:?}");
        }
    }
    let codings = Codings(vec![
        all[usize::from(*seed) % 4],
        all[usize::from(*seed / 4) % 4],
    ]);
    let mut encoder = Encoder::new(&codings);
    let mut coded = Vec::new();
    for piece in cut.pieces(rest) {
        coded.extend(encoder.encode(piece));
    }
    coded.extend(encoder.finish());
    assert!(
        decoded(&codings, cut.pieces(&coded)).as_deref() == Ok(rest),
        "{codings:?}"
    );
}

/// A longer text is not decoded to its end. The fuzzer's program is not optimized, takes a second
/// for a few MiB, and must not take an input for one that hangs.
const BOMB: usize = 1 << 20;

/// The text that a body in pieces stands for, unless it is a bomb, of which nothing is returned.
pub(super) fn decoded(
    codings: &Codings,
    pieces: impl IntoIterator<Item = Bytes>,
) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(codings);
    let mut text = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(piece) = decoder.next()? {
            assert!(!piece.is_empty() && piece.len() <= 4 * DECODED_PIECE);
            text.extend(piece);
            if text.len() > BOMB {
                return Ok(Vec::new());
            }
        }
    }
    decoder.finish().map(|()| text)
}

fn patterns() -> Patterns {
    Patterns::new(SECRETS.map(|secret| Hidden {
        secret,
        placeholder: PLACEHOLDER,
    }))
}

fn all_forms() -> Vec<Form> {
    let forms = SECRETS
        .iter()
        .flat_map(|secret| forms(secret, PLACEHOLDER.as_bytes()));
    forms.collect()
}

/// A text made of few characters, of secrets, and of parts of them.
fn text(bytes: &[u8], forms: &[Form]) -> Vec<u8> {
    let mut text = Vec::new();
    for pair in bytes.chunks(2).take(512) {
        let (what, which) = (pair[0], usize::from(*pair.get(1).unwrap_or(&0)));
        let form = &forms[which % forms.len()].text;
        match what {
            0..=15 => text.extend_from_slice(form),
            16..=31 => text.extend_from_slice(&form[..form.len() / 2]),
            32..=47 => text.extend_from_slice(&form[..form.len() - 1]),
            48..=63 => text.extend_from_slice(&form[form.len() / 2..]),
            64..=127 => text.push(b"a+glpat-"[which % 8]),
            _ => text.push(what),
        }
    }
    text
}

/// At each place, the longest form that stands there.
fn simply(text: &[u8], forms: &[Form], fit: Fit) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let here = forms
            .iter()
            .filter(|form| text[at..].starts_with(&form.text));
        // Of the same form of two secrets, the first one counts.
        let longest = here.reduce(|one, other| {
            if other.text.len() > one.text.len() {
                other
            } else {
                one
            }
        });
        match longest {
            None => {
                out.push(text[at]);
                at += 1;
            }
            Some(form) => {
                out.extend_from_slice(match fit {
                    Fit::Exact => &form.exact,
                    Fit::SameLength => &form.same_length,
                });
                at += form.text.len();
            }
        }
    }
    out
}

/// Cuts bytes at random places.
pub(super) struct Cutter(pub(super) u32);

impl Cutter {
    pub(super) fn pieces(&mut self, bytes: &[u8]) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let longest = if self.next().is_multiple_of(4) {
                3
            } else {
                200
            };
            let length = usize::try_from(self.next() % longest).unwrap_or_default();
            let (piece, more) = rest.split_at(length.min(rest.len()));
            pieces.push(Bytes::copy_from_slice(piece));
            rest = more;
        }
        pieces
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }
}
