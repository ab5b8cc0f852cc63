//! Finds fresh secrets in a text as it streams, by their shape: those that a response mints, which
//! nobody here has seen before.
//!
//! A shape is what scanners for secrets know them by, as `glpat-[0-9A-Za-z_-]{20,}`: a prefix, and
//! a run of characters. The caller decides what becomes of each: it may keep the secret, and give
//! the child a placeholder for it.
//!
//! ```text
//! piece --> a prefix (aho-corasick), at the beginning of a word
//!             run shorter than it must be --> text
//!             run that may go on -----------> held, until the run ends or is too long to be one
//!             run with its end -------------> the caller
//! ```

use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use authsome_providers::SecretShape;
use bytes::Bytes;
use thiserror::Error;

use crate::proxy::limits::{MAX_MINTED, MAX_MINTED_BYTES, MIN_MINTED};

/// The shapes of a definition, ready to be searched for.
pub(in crate::proxy) struct Shapes {
    list: Box<[SecretShape]>,
    prefixes: AhoCorasick,
    /// The first characters of the prefixes, one bit for each of ASCII.
    firsts: u128,
    /// The length of the longest prefix.
    longest: usize,
    /// The length of the shortest secret.
    shortest: usize,
}

/// Gives placeholders for fresh secrets.
pub(in crate::proxy) trait Minter {
    /// What stands for this secret from now on, with the same length. `None` if it is no secret,
    /// but a placeholder.
    fn placeholder(
        &self,
        secret: &[u8],
        shape: &SecretShape,
    ) -> Result<Option<Vec<u8>>, NotReplaced>;
}

/// Replaces nothing: for a text without shapes.
#[derive(Debug)]
pub(in crate::proxy) struct NoMints;

impl Minter for NoMints {
    fn placeholder(&self, _: &[u8], _: &SecretShape) -> Result<Option<Vec<u8>>, NotReplaced> {
        Ok(None)
    }
}

/// Why a response with a fresh secret cannot reach the child.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(in crate::proxy) enum NotReplaced {
    /// The definition says so.
    #[error("it shows a fresh secret ({0}), which the definition refuses")]
    Refused(String),
    /// Too many secrets.
    #[error(
        "it shows a fresh secret, and this session has {MAX_MINTED} or {MAX_MINTED_BYTES} bytes of them already"
    )]
    Full,
    /// No placeholder of the same length could be told from others.
    #[error("it shows a fresh secret of less than {MIN_MINTED} characters")]
    TooShort,
}

/// The search through one text for secrets of these shapes.
#[derive(Debug)]
pub(in crate::proxy) struct Mints {
    shapes: Arc<Shapes>,
    held: Vec<u8>,
    /// The byte before `held`.
    before: Option<u8>,
    matches: u64,
}

impl Shapes {
    /// `None` if there are none.
    pub(in crate::proxy) fn new(shapes: &[SecretShape]) -> Option<Self> {
        let lengths = shapes.iter().map(|shape| shape.prefix().len());
        let longest = lengths.max()?;
        let secrets = shapes
            .iter()
            .map(|shape| shape.prefix().len() + shape.min());
        let firsts = shapes
            .iter()
            .filter_map(|shape| shape.prefix().bytes().next());
        // Of two at one place, the one with the longer prefix says more.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest);
        let prefixes = shapes.iter().map(SecretShape::prefix);
        Some(Self {
            longest,
            shortest: secrets.min()?,
            firsts: firsts.fold(0, |firsts, byte| firsts | (1 << (byte & 0x7f))),
            prefixes: builder.build(prefixes).ok()?,
            list: shapes.into(),
        })
    }

    /// The first prefix from there on that begins a word: `task-…` has no `sk-`. `before` is what
    /// stands before the text.
    fn begin(&self, text: &[u8], mut from: usize, before: Option<u8>) -> Option<Prefix<'_>> {
        loop {
            let found = self.prefixes.find(Input::new(text).range(from..))?;
            if begins_word(text, found.start(), before) {
                return Some(Prefix {
                    start: found.start(),
                    end: found.end(),
                    shape: self.list.get(found.pattern().as_usize())?,
                });
            }
            from = found.start() + 1;
        }
    }

    /// Where the beginning of a prefix stands at the end of the text, or its end.
    fn tail(&self, text: &[u8], from: usize, before: Option<u8>) -> usize {
        let first = text.len().saturating_sub(self.longest).max(from);
        let is_open = |start: &usize| {
            let rest = text.get(*start..).unwrap_or_default();
            let begins = |byte: &u8| byte.is_ascii() && self.firsts & (1 << byte) != 0;
            let mut shapes = self.list.iter();
            rest.first().is_some_and(begins)
                && shapes.any(|shape| shape.prefix().as_bytes().starts_with(rest))
                && begins_word(text, *start, before)
        };
        let mut places = first..text.len();
        places.find(is_open).unwrap_or(text.len())
    }

    /// A whole text, such as a field's value, with what `minter` gives for its secrets. `None` if
    /// it has none.
    pub(in crate::proxy) fn replaced(
        self: &Arc<Self>,
        text: &[u8],
        minter: &dyn Minter,
    ) -> Result<Option<Bytes>, NotReplaced> {
        if text.len() < self.shortest {
            return Ok(None);
        }
        let mut mints = Mints::new(Arc::clone(self));
        let passed = mints.push(Bytes::copy_from_slice(text), true, minter)?;
        Ok(passed.filter(|_| mints.matches > 0))
    }
}

/// A prefix in a text.
struct Prefix<'a> {
    start: usize,
    end: usize,
    shape: &'a SecretShape,
}

fn begins_word(text: &[u8], start: usize, before: Option<u8>) -> bool {
    let before = match start.checked_sub(1) {
        Some(before) => text.get(before).copied(),
        None => before,
    };
    before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

impl Mints {
    /// Begins a text.
    pub(in crate::proxy) fn new(shapes: Arc<Shapes>) -> Self {
        Self {
            shapes,
            held: Vec::new(),
            before: None,
            matches: 0,
        }
    }

    /// How many secrets were replaced.
    pub(super) fn matches(&self) -> u64 {
        self.matches
    }

    /// Takes what is held back, as nothing follows.
    pub(super) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// How many bytes are held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// What may pass once this piece has come, with what `minter` gives for each secret, if it
    /// gives anything. If the text `is_end`, nothing is held back.
    pub(in crate::proxy) fn push(
        &mut self,
        piece: Bytes,
        is_end: bool,
        minter: &dyn Minter,
    ) -> Result<Option<Bytes>, NotReplaced> {
        let mut text = piece;
        if !self.held.is_empty() {
            let mut both = Vec::with_capacity(self.held.len() + text.len());
            both.append(&mut self.held);
            both.extend_from_slice(&text);
            text = Bytes::from(both);
        }
        let shapes = Arc::clone(&self.shapes);
        let mut replaced: Option<Vec<u8>> = None;
        let (mut done, mut at) = (0, 0);
        let open = loop {
            let Some(Prefix { start, end, shape }) = shapes.begin(&text, at, self.before) else {
                break if is_end {
                    text.len()
                } else {
                    shapes.tail(&text, at, self.before)
                };
            };
            let rest = &text[end..];
            let run = rest.iter().take(shape.max());
            let run = run.take_while(|byte| shape.has(**byte)).count();
            if run == rest.len() && run < shape.max() && !is_end {
                break start;
            }
            at = start + 1;
            if run < shape.min() {
                continue;
            }
            let end = end + run;
            if let Some(other) = minter.placeholder(&text[start..end], shape)? {
                let out = replaced.get_or_insert_with(|| Vec::with_capacity(text.len()));
                out.extend_from_slice(&text[done..start]);
                out.extend_from_slice(&other);
                done = end;
                self.matches += 1;
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
        Ok((!text.is_empty()).then_some(text))
    }
}

impl fmt::Debug for Shapes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.list).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::properties::Cutter;
    use super::*;

    fn shapes() -> Arc<Shapes> {
        let shapes = [
            "glpat-[0-9A-Za-z_-]{20,}",
            "ghp_[0-9A-Za-z]{36}",
            "sk-[0-9A-Za-z]{20,40}",
        ];
        let shapes: Vec<_> = shapes.iter().map(|shape| shape.parse().unwrap()).collect();
        Arc::new(Shapes::new(&shapes).unwrap())
    }

    /// Gives the length of each secret.
    #[derive(Default)]
    struct Lengths(RefCell<Vec<usize>>);

    impl Minter for Lengths {
        fn placeholder(
            &self,
            secret: &[u8],
            _: &SecretShape,
        ) -> Result<Option<Vec<u8>>, NotReplaced> {
            self.0.borrow_mut().push(secret.len());
            Ok(Some(format!("<{}>", secret.len()).into_bytes()))
        }
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
            let lengths = Lengths::default();
            let mut out = Vec::new();
            for piece in Cutter(seed).pieces(text.as_bytes()) {
                let passed = mints.push(piece, false, &lengths).unwrap();
                out.extend(passed.unwrap_or_default());
            }
            let last = mints.push(Bytes::new(), true, &lengths).unwrap();
            out.extend(last.unwrap_or_default());
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{seed}");
            assert_eq!(*lengths.0.borrow(), [26, 40, 28, 26]);
            assert_eq!(mints.matches(), 4);
        }
    }

    #[test]
    fn what_is_not_replaced_passes_itself() {
        let mut mints = Mints::new(shapes());
        let text = Bytes::from_static(b"glpat-0123456789abcdefghij and more\n");
        let passed = mints.push(text.clone(), false, &NoMints).unwrap().unwrap();
        assert_eq!(passed.as_ptr(), text.as_ptr());
        assert_eq!(passed, text);
        assert_eq!(shapes().replaced(&text, &NoMints), Ok(None));
    }
}
