//! Finds the first of many texts in another one, in less than an instruction for each byte.
//!
//! The algorithm is that of Wu and Manber ("A fast algorithm for multi-pattern searching", 1994).
//! All patterns have at least [`Index::window`] bytes. The last [`BLOCK`] bytes of a window of the
//! text say how far the window may be moved:
//!
//! ```text
//!          |<------ window ------>|
//! text     ......................bbbb..............   no pattern has bbbb: by the whole window
//! pattern             xxxxxxxxbbbbxxxxxxxxxxxx        one has it here: so that the two stand below
//! pattern  xxxxxxxxxxxxxxxxxxxxxxbbbb...              one has it at its end: compared
//! ```
//!
//! It is written here, as the automata of the usual crate, aho-corasick, have the patterns in
//! memory that cannot be wiped, and take ten times the instructions for a hundred patterns. Here
//! all that is made of a pattern is wiped.

use zeroize::Zeroizing;

/// Bytes of a block. Texts have few blocks in common with tokens, while pairs are in any text.
const BLOCK: usize = 4;

/// The shortest pattern: what is compared at first.
const HEAD: usize = 8;

/// The longest window: a longer one saves nothing more, and fills the table.
const MAX_WINDOW: usize = 32;

/// The table of shifts has this power of two of entries; blocks share them.
const TABLE_BITS: u32 = 14;

/// Patterns to search for. It is wiped when it is dropped.
pub(super) struct Index {
    /// All patterns, sorted, one behind the other.
    bytes: Zeroizing<Vec<u8>>,
    /// Where each of them ends in `bytes`.
    ends: Vec<usize>,
    /// The first [`HEAD`] bytes of each, as a number in big-endian order: sorted as well.
    heads: Zeroizing<Vec<u64>>,
    /// For each block, how far a window that ends with it may be moved.
    shifts: Zeroizing<Vec<u8>>,
    /// For each first byte of a pattern, a bit for the lowest three bits of the second one.
    starts: Zeroizing<[u8; 256]>,
    window: usize,
}

/// What a search comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The longest pattern that begins at the first place where one does.
    Match {
        start: usize,
        end: usize,
        /// Its position among the sorted patterns.
        pattern: usize,
    },
    Nothing,
    /// From here to its end, the text is the beginning of a pattern.
    Open(usize),
}

impl Index {
    /// For patterns that are sorted, and have at least [`HEAD`] bytes. Shorter ones are never
    /// found.
    pub(super) fn new(patterns: &[&[u8]]) -> Self {
        let window = patterns.iter().map(|pattern| pattern.len()).min();
        let window = window.unwrap_or(HEAD).clamp(HEAD, MAX_WINDOW);
        let length = patterns.iter().map(|pattern| pattern.len()).sum();
        let mut index = Self {
            bytes: Zeroizing::new(Vec::with_capacity(length)),
            ends: Vec::with_capacity(patterns.len()),
            heads: Zeroizing::new(Vec::with_capacity(patterns.len())),
            shifts: Zeroizing::new(vec![shift(window - BLOCK + 1); 1 << TABLE_BITS]),
            starts: Zeroizing::new([0; 256]),
            window,
        };
        for pattern in patterns {
            index.bytes.extend_from_slice(pattern);
            index.ends.push(index.bytes.len());
            index.heads.push(head(pattern).unwrap_or_default());
            if let [first, second, ..] = pattern {
                index.starts[usize::from(*first)] |= 1 << (second & 7);
            }
            let blocks = pattern.windows(BLOCK).take(window - BLOCK + 1);
            for (at, block) in blocks.enumerate() {
                if let Some(entry) = slot(block).and_then(|slot| index.shifts.get_mut(slot)) {
                    *entry = (*entry).min(shift(window - BLOCK - at));
                }
            }
        }
        index
    }

    /// How many bytes the shortest pattern has at least.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// The first match from there on. Unless the text `is_end`, it may go on: then a place where a
    /// pattern begins that is not there to its end is [`Found::Open`], also if a shorter pattern
    /// is there whole.
    pub(super) fn find(&self, text: &[u8], from: usize, is_end: bool) -> Found {
        if self.ends.is_empty() {
            return Found::Nothing;
        }
        let mut at = from;
        let block = self.window - BLOCK;
        while let Some(slot) = text.get(at + block..).and_then(slot) {
            match self.shifts.get(slot) {
                Some(0) => {
                    if let Some(found) = self.compare(text, at, is_end) {
                        return found;
                    }
                    at += 1;
                }
                Some(shift) => at += usize::from(*shift),
                None => at += 1,
            }
        }
        // Less than a window is left: too little for a pattern, but one may begin here.
        if is_end {
            return Found::Nothing;
        }
        let open = (at..text.len()).find(|at| self.is_beginning(&text[*at..]));
        open.map_or(Found::Nothing, Found::Open)
    }

    /// What begins at that place, if anything does.
    #[inline(never)]
    fn compare(&self, text: &[u8], start: usize, is_end: bool) -> Option<Found> {
        let rest = text.get(start..)?;
        let head = head(rest)?;
        let first = self.heads.partition_point(|known| *known < head);
        let candidates = self.heads.iter().enumerate().skip(first);
        let mut longest = None;
        for (pattern, _) in candidates.take_while(|(_, known)| **known == head) {
            let bytes = self.pattern(pattern);
            if rest.starts_with(bytes) {
                let end = start + bytes.len();
                // They are sorted: of two that begin alike, the longer one comes later.
                longest = Some(Found::Match {
                    start,
                    end,
                    pattern,
                });
            } else if !is_end && bytes.starts_with(rest) {
                return Some(Found::Open(start));
            }
        }
        longest
    }

    /// Whether a pattern begins with all of this text.
    fn is_beginning(&self, text: &[u8]) -> bool {
        let (first, second) = match text {
            [] => return false,
            [only] => return self.starts[usize::from(*only)] != 0,
            [first, second, ..] => (*first, *second),
        };
        self.starts[usize::from(first)] & (1 << (second & 7)) != 0 && self.begins_one(text)
    }

    #[inline(never)]
    fn begins_one(&self, text: &[u8]) -> bool {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.pattern(middle) < text {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low < self.ends.len() && self.pattern(low).starts_with(text)
    }

    fn pattern(&self, position: usize) -> &[u8] {
        let before = position.checked_sub(1);
        let start = before.and_then(|before| self.ends.get(before));
        let end = self.ends.get(position).copied().unwrap_or_default();
        let range = start.copied().unwrap_or_default()..end;
        self.bytes.get(range).unwrap_or_default()
    }
}

/// The place in the table of the block that the text begins with.
#[inline]
fn slot(text: &[u8]) -> Option<usize> {
    let block = u32::from_le_bytes(*text.first_chunk()?);
    // Multiplied by 2³² over the golden ratio, so that alike blocks are far from each other.
    usize::try_from(block.wrapping_mul(0x9e37_79b1) >> (u32::BITS - TABLE_BITS)).ok()
}

fn head(text: &[u8]) -> Option<u64> {
    text.first_chunk().map(|head| u64::from_be_bytes(*head))
}

fn shift(places: usize) -> u8 {
    u8::try_from(places).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(patterns: &[&str]) -> Index {
        let mut patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        patterns.sort_unstable();
        Index::new(&patterns)
    }

    fn found(start: usize, end: usize, pattern: usize) -> Found {
        Found::Match {
            start,
            end,
            pattern,
        }
    }

    #[test]
    fn the_longest_at_the_first_place_is_found() {
        let index = index(&["abcdefgh", "abcdefghij", "efghijkl"]);
        let find = |text: &str| index.find(text.as_bytes(), 0, true);
        assert_eq!(find("..abcdefghi"), found(2, 10, 0));
        assert_eq!(find("..abcdefghijkl"), found(2, 12, 1));
        assert_eq!(find("..bcdefghijkl"), found(5, 13, 2));
        assert_eq!(find("..abcdefg"), Found::Nothing);
        assert_eq!(find(""), Found::Nothing);
    }

    #[test]
    fn what_may_go_on_is_open() {
        let index = index(&["abcdefgh", "abcdefghij", "xbcdefghijklmnopqrstuvwxyz"]);
        let find = |text: &str| index.find(text.as_bytes(), 0, false);
        assert_eq!(find("..abcdefgh"), Found::Open(2));
        assert_eq!(find("..abcdefghi"), Found::Open(2));
        assert_eq!(find("..abcdefghx"), found(2, 10, 0));
        assert_eq!(find("..a"), Found::Open(2));
        assert_eq!(find("..ab"), Found::Open(2));
        assert_eq!(find("..aa"), Found::Open(3));
        assert_eq!(find("......xbcdefghijklmnopqrstuvwxy"), Found::Open(6));
        assert_eq!(find("......xbcdefghijklmnopqrstuvwx."), Found::Nothing);
        assert_eq!(Index::new(&[]).find(b"abcdefgh", 0, false), Found::Nothing);
    }
}
