//! Replaces secrets in a text that comes in pieces, with the same result however it is cut.

use std::sync::Arc;

use bytes::Bytes;

use super::patterns::{Fit, Patterns};

/// The search through one text, as it streams.
///
/// A piece without a match is passed on as it is. What is held back is the end of what was seen, if
/// a pattern begins with all of it: less than the longest pattern, and nothing of a text that ends
/// with, say, an empty line, as an event does.
///
/// ```text
/// held + piece --> search --+-- up to the open place --> passes, with replacements
///                           +-- from there on --------> held
/// ```
#[derive(Debug)]
pub(in crate::proxy) struct Scrubber {
    patterns: Arc<Patterns>,
    fit: Fit,
    held: Vec<u8>,
    matches: u64,
}

impl Scrubber {
    /// Begins a text. Allocates nothing.
    pub(in crate::proxy) fn new(patterns: Arc<Patterns>, fit: Fit) -> Self {
        Self {
            patterns,
            fit,
            held: Vec::new(),
            matches: 0,
        }
    }

    /// What may pass once this piece has come. `None` if all of it is held back.
    pub(in crate::proxy) fn push(&mut self, piece: Bytes) -> Option<Bytes> {
        self.advance(piece, false)
    }

    /// What was held back, as the text has ended. The next piece begins another text.
    pub(in crate::proxy) fn finish(&mut self) -> Option<Bytes> {
        self.advance(Bytes::new(), true)
    }

    /// The last piece of a text: [`Self::push`] and [`Self::finish`] in one.
    pub(in crate::proxy) fn push_last(&mut self, piece: Bytes) -> Option<Bytes> {
        self.advance(piece, true)
    }

    /// Searches what follows for these secrets, and what is held back.
    pub(in crate::proxy) fn renew(&mut self, patterns: &Arc<Patterns>) {
        if !Arc::ptr_eq(&self.patterns, patterns) {
            self.patterns = Arc::clone(patterns);
        }
    }

    /// How many bytes are held back.
    pub(in crate::proxy) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes what is held back, as nothing follows.
    pub(in crate::proxy) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// How many secrets were replaced.
    pub(in crate::proxy) fn matches(&self) -> u64 {
        self.matches
    }

    fn advance(&mut self, mut piece: Bytes, is_end: bool) -> Option<Bytes> {
        if !self.held.is_empty() {
            let mut both = Vec::with_capacity(self.held.len() + piece.len());
            both.append(&mut self.held);
            both.extend_from_slice(&piece);
            piece = Bytes::from(both);
        }
        let scanned = self.patterns.scan(&piece, self.fit, is_end);
        self.held.extend_from_slice(&piece[scanned.open..]);
        self.matches += scanned.matches;
        if let Some(replaced) = scanned.replaced {
            piece = Bytes::from(replaced);
        } else {
            piece.truncate(scanned.open);
        }
        (!piece.is_empty()).then_some(piece)
    }
}
