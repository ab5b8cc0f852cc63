//! Finds the few patterns that may match a path.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::spelling::spellings;

/// An index of patterns by one literal segment each, the pattern's landmark. A path can match a
/// pattern only if it has the pattern's landmark, so looking up the path's segments rules out most
/// patterns without matching them.
#[derive(Debug, Default)]
pub(crate) struct Landmarks {
    /// A bit for the fingerprint of each landmark.
    fingerprints: u64,
    /// Each landmark, and the numbers of its patterns.
    segments: Vec<(Box<[u8]>, Vec<usize>)>,
    /// The numbers of the patterns without a literal segment, and what their paths end with.
    anywhere: Vec<(usize, Box<str>)>,
}

impl Landmarks {
    /// The numbers, in order, of the patterns that may match the path, or the path without its
    /// format suffix or trailing slash. For most paths there are none.
    pub(crate) fn near(&self, path: &str) -> Vec<usize> {
        let ends_with = |tail: &str| spellings(path).any(|path| path.ends_with(tail));
        let anywhere = self.anywhere.iter().filter(|(_, tail)| ends_with(tail));
        let mut near: Vec<_> = anywhere.map(|(number, _)| *number).collect();
        if self.fingerprints != 0 {
            self.add_near(path.as_bytes(), &mut near);
        }
        if near.len() > 1 {
            near.sort_unstable();
            near.dedup();
        }
        near
    }

    /// Each request passes here, so it is one pass. For segments of a few bytes, a search costs
    /// more to prepare than it spares.
    fn add_near(&self, path: &[u8], near: &mut Vec<usize>) {
        let mut add = |begin, end, dot: Option<usize>| {
            near.extend(self.of(path.get(begin..end).unwrap_or_default()));
            if let Some(dot) = dot {
                near.extend(self.of(path.get(begin..dot).unwrap_or_default()));
            }
        };
        let (mut begin, mut dot) = (0, None);
        for (at, byte) in path.iter().enumerate() {
            if *byte == b'/' {
                add(begin, at, dot);
                (begin, dot) = (at + 1, None);
            } else if *byte == b'.' {
                dot = Some(at);
            }
        }
        add(begin, path.len(), dot);
    }

    fn of(&self, segment: &[u8]) -> &[usize] {
        if self.fingerprints & fingerprint(segment) == 0 {
            return &[];
        }
        let mut known = self.segments.iter();
        let known = known.find(|(known, _)| **known == *segment);
        known.map_or(&[], |(_, numbers)| numbers)
    }
}

impl Landmarks {
    /// Builds the index. Each item holds the literal segments of one pattern, which every matching
    /// path contains, and what every matching path ends with. The pattern's landmark is the rarest
    /// of them, and of those the longest: frequent segments (`api`, `projects`) are in most paths.
    pub(crate) fn of_patterns<'a>(
        patterns: impl Iterator<Item = (Vec<&'a str>, &'a str)> + Clone,
    ) -> Self {
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for segment in patterns.clone().flat_map(|(segments, _)| segments) {
            *uses.entry(segment).or_default() += 1;
        }
        let rank = |segment: &&str| (uses.get(segment).copied(), Reverse(segment.len()));
        let mut landmarks = Self::default();
        for (number, (segments, tail)) in patterns.enumerate() {
            let Some(segment) = segments.into_iter().min_by_key(rank) else {
                landmarks.anywhere.push((number, tail.into()));
                continue;
            };
            let segment = segment.as_bytes();
            landmarks.fingerprints |= fingerprint(segment);
            let mut known = landmarks.segments.iter_mut();
            match known.find(|(known, _)| **known == *segment) {
                Some((_, numbers)) => numbers.push(number),
                None => landmarks.segments.push((segment.into(), vec![number])),
            }
        }
        landmarks
    }
}

/// One of 64 bits, computed from the segment's length and its first and last byte; 0 if it is
/// empty.
fn fingerprint(segment: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (segment.first(), segment.last()) else {
        return 0;
    };
    let mixed = (segment.len() * 31) ^ (usize::from(*first) * 7) ^ usize::from(*last);
    1 << (mixed % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_needs_one_of_the_segments() {
        let patterns = [
            (vec!["api", "variables"], "variables"),
            (vec!["api", "hooks"], ""),
            (vec!["api", "variables"], ""),
        ];
        let landmarks = Landmarks::of_patterns(patterns.into_iter());
        for (path, expected) in [
            ("/projects/1/variables", &[0, 2][..]),
            ("/projects/1/variables/", &[0, 2]),
            ("/projects/1/variables.json", &[0, 2]),
            ("/projects/1/variables.json/", &[0, 2]),
            ("/projects/1/variables/.json", &[0, 2]),
            ("/hooks", &[1]),
            ("/hooks/variables/hooks", &[0, 1, 2]),
            ("/projects/1/issues", &[]),
            ("/projects/1/variable", &[]),
            ("/projects/1/variables%2Fx", &[]),
            ("", &[]),
            ("/", &[]),
        ] {
            assert_eq!(landmarks.near(path), expected, "{path}");
        }
        assert!(
            Landmarks::default()
                .near("/projects/1/variables")
                .is_empty()
        );
        let anywhere = [(vec!["hooks"], ""), (vec![], ""), (vec![], ".atom")];
        let anywhere = Landmarks::of_patterns(anywhere.into_iter());
        assert_eq!(anywhere.near("/projects/1/issues"), [1]);
        for path in ["/p.atom", "/p.atom/", "/p.atom.json", "/p.atom/.json"] {
            assert_eq!(anywhere.near(path), [1, 2], "{path}");
        }
    }
}
