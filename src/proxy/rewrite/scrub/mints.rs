//! Finds fresh secrets in a text as it streams, by their shape: those that a response mints, which
//! nobody here has seen before.
//!
//! A shape is what scanners for secrets know them by, as `glpat-[0-9A-Za-z_-]{20,}`: a prefix, and
//! a run of characters. The caller decides what becomes of each: it may keep the secret, and give
//! the child a placeholder for it.
//!
//! ```text
//! piece --> a prefix (memmem), at the beginning of a word
//!             run shorter than it must be --> text
//!             run that may go on -----------> held, until the run ends or is too long to be one
//!             run with its end -------------> the caller
//! ```

use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem::Finder;
use thiserror::Error;

use crate::proxy::limits::MAX_MINT;

/// The shortest prefix: a shorter one is in any text.
const MIN_PREFIX: usize = 3;

/// What a kind of secret looks like: a prefix, and how many characters of a class follow it.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Shape {
    prefix: Finder<'static>,
    /// One bit for each ASCII character.
    class: u128,
    min: usize,
    max: usize,
}

/// Why a text is no shape.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "it is not a prefix of three characters or more, a class, and a number: `glpat-[0-9A-Za-z_-]{{20,}}`"
)]
pub(in crate::proxy) struct NotAShape;

/// The search through one text for secrets of these shapes.
#[derive(Debug)]
pub(in crate::proxy) struct Mints {
    shapes: Arc<[Shape]>,
    held: Vec<u8>,
    /// The byte before `held`.
    before: Option<u8>,
}

impl FromStr for Shape {
    type Err = NotAShape;

    /// Reads `PREFIX[CLASS]{MIN}`, `{MIN,}` or `{MIN,MAX}`, as a regular expression has them. The
    /// class has characters and ranges of ASCII, with a `-` for itself at its end.
    fn from_str(text: &str) -> Result<Self, NotAShape> {
        let (prefix, rest) = text.split_once('[').ok_or(NotAShape)?;
        let (class, count) = rest.split_once("]{").ok_or(NotAShape)?;
        let count = count.strip_suffix('}').ok_or(NotAShape)?;
        let number = |text: &str| text.parse::<usize>().map_err(|_| NotAShape);
        let (min, max) = match count.split_once(',') {
            None => (number(count)?, number(count)?),
            Some((min, "")) => (number(min)?, MAX_MINT),
            Some((min, max)) => (number(min)?, number(max)?),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_sound = prefix.len() >= MIN_PREFIX
            && prefix.bytes().all(is_plain)
            && (1..=max).contains(&min)
            && max <= MAX_MINT;
        if !is_sound {
            return Err(NotAShape);
        }
        Ok(Self {
            prefix: Finder::new(prefix.as_bytes()).into_owned(),
            class: parse_class(class.as_bytes()).ok_or(NotAShape)?,
            min,
            max,
        })
    }
}

/// The characters of a class; `None` if one is not ASCII, or a range has no end.
fn parse_class(mut class: &[u8]) -> Option<u128> {
    let mut bits = 0_u128;
    while let [first, rest @ ..] = class {
        let (last, rest) = match rest {
            [b'-', last, rest @ ..] => (last, rest),
            _ => (first, rest),
        };
        if !first.is_ascii_graphic() || !last.is_ascii_graphic() || first > last {
            return None;
        }
        bits = (*first..=*last).fold(bits, |bits, byte| bits | (1 << byte));
        class = rest;
    }
    (bits != 0).then_some(bits)
}

impl Mints {
    /// Begins a text.
    pub(in crate::proxy) fn new(shapes: Arc<[Shape]>) -> Self {
        Self {
            shapes,
            held: Vec::new(),
            before: None,
        }
    }

    /// What may pass once this piece has come, with what `replace` gives for each secret, if it
    /// gives anything. If the text `is_end`, nothing is held back.
    pub(in crate::proxy) fn push(
        &mut self,
        piece: Bytes,
        is_end: bool,
        mut replace: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Bytes> {
        let mut text = piece;
        if !self.held.is_empty() {
            let mut both = Vec::with_capacity(self.held.len() + text.len());
            both.append(&mut self.held);
            both.extend_from_slice(&text);
            text = Bytes::from(both);
        }
        let mut replaced: Option<Vec<u8>> = None;
        let (mut done, mut at) = (0, 0);
        let open = loop {
            let Some((start, shape)) = self.begin(&text, at) else {
                break if is_end {
                    text.len()
                } else {
                    self.tail(&text, at)
                };
            };
            let rest = &text[start + shape.prefix.needle().len()..];
            let run = rest
                .iter()
                .take(shape.max)
                .take_while(|byte| shape.has(**byte));
            let run = run.count();
            if run == rest.len() && run < shape.max && !is_end {
                break start;
            }
            at = start + 1;
            if run < shape.min {
                continue;
            }
            let end = start + shape.prefix.needle().len() + run;
            if let Some(other) = replace(&text[start..end]) {
                let out = replaced.get_or_insert_with(|| Vec::with_capacity(text.len()));
                out.extend_from_slice(&text[done..start]);
                out.extend_from_slice(&other);
                done = end;
            }
            at = end;
        };
        self.held.extend_from_slice(&text[open..]);
        self.before = text[..open].last().copied().or(self.before);
        if let Some(mut out) = replaced {
            out.extend_from_slice(&text[done..open]);
            text = Bytes::from(out);
        } else {
            text.truncate(open);
        }
        (!text.is_empty()).then_some(text)
    }

    /// The first prefix from there on that begins a word: `task-…` has no `sk-`.
    fn begin(&self, text: &[u8], from: usize) -> Option<(usize, &Shape)> {
        let firsts = self.shapes.iter().filter_map(|shape| {
            let mut at = from;
            loop {
                let start = at + shape.prefix.find(text.get(at..)?)?;
                if self.begins_word(text, start) {
                    return Some((start, shape));
                }
                at = start + 1;
            }
        });
        // Of two at one place, the one with the longer prefix says more.
        firsts.min_by_key(|(start, shape)| (*start, usize::MAX - shape.prefix.needle().len()))
    }

    fn begins_word(&self, text: &[u8], start: usize) -> bool {
        let before = match start.checked_sub(1) {
            Some(before) => text.get(before).copied(),
            None => self.before,
        };
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
    }

    /// Where the beginning of a prefix stands at the end of the text, or its end.
    fn tail(&self, text: &[u8], from: usize) -> usize {
        let longest = self
            .shapes
            .iter()
            .map(|shape| shape.prefix.needle().len())
            .max();
        let first = text.len().saturating_sub(longest.unwrap_or_default());
        let is_open = |start: &usize| {
            let rest = &text[*start..];
            let mut shapes = self.shapes.iter();
            shapes.any(|shape| shape.prefix.needle().starts_with(rest))
                && self.begins_word(text, *start)
        };
        (first.max(from)..text.len())
            .find(is_open)
            .unwrap_or(text.len())
    }
}

impl Shape {
    fn has(&self, byte: u8) -> bool {
        byte.is_ascii() && self.class & (1 << byte) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::Cutter;
    use super::*;

    fn shapes() -> Arc<[Shape]> {
        let shapes = [
            "glpat-[0-9A-Za-z_-]{20,}",
            "ghp_[0-9A-Za-z]{36}",
            "sk-[0-9A-Za-z]{20,40}",
        ];
        shapes.iter().map(|shape| shape.parse().unwrap()).collect()
    }

    #[test]
    fn secrets_are_found_by_their_shape_however_the_text_is_cut() {
        let github = format!("ghp_{}", "a".repeat(36));
        let text = format!(
            "{{\"token\":\"glpat-0123456789abcdefghij\",\"a\":\"{github}b\"}} task-{0} sk-short sk-{0} glpat-{1}",
            "x".repeat(25),
            "y".repeat(20),
        );
        let expected = format!(
            "{{\"token\":\"<26>\",\"a\":\"<40>b\"}} task-{} sk-short <28> <26>",
            "x".repeat(25)
        );
        for seed in 0..300 {
            let mut mints = Mints::new(shapes());
            let mut found = Vec::new();
            let mut replace = |secret: &[u8]| {
                found.push(secret.len());
                Some(format!("<{}>", secret.len()).into_bytes())
            };
            let mut out = Vec::new();
            for piece in Cutter(seed).pieces(text.as_bytes()) {
                out.extend(mints.push(piece, false, &mut replace).unwrap_or_default());
            }
            out.extend(
                mints
                    .push(Bytes::new(), true, &mut replace)
                    .unwrap_or_default(),
            );
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{seed}");
            assert_eq!(found, [26, 40, 28, 26]);
        }
    }

    #[test]
    fn what_is_not_replaced_passes_itself() {
        let mut mints = Mints::new(shapes());
        let text = Bytes::from_static(b"glpat-0123456789abcdefghij and more\n");
        let passed = mints.push(text.clone(), false, |_| None).unwrap();
        assert_eq!(passed.as_ptr(), text.as_ptr());
        assert_eq!(passed, text);
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for text in [
            "",
            "glpat-",
            "gl[a-z]{20}",
            "glpat-[]{20}",
            "glpat-[z-a]{20}",
            "glpat-[a-z]{0}",
            "glpat-[a-z]{9,8}",
            "glpat-[a-z]{20",
            "gl.t-[a-z]{20}",
            "glpat-[a-z]{1,99999}",
        ] {
            assert_eq!(text.parse::<Shape>().unwrap_err(), NotAShape, "{text}");
        }
    }
}
