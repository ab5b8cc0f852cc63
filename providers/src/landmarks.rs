//! Which paths are worth comparing with many patterns.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Segments of which a path has at least one if any of the patterns matches it: a look at each of
/// its segments tells most paths apart from all patterns at once.
#[derive(Debug, Default)]
pub(crate) struct Landmarks {
    /// A bit for each segment's fingerprint.
    fingerprints: u64,
    /// Each segment, and the numbers of the patterns that have it.
    segments: Vec<(Box<str>, Vec<usize>)>,
    /// The numbers of the patterns without such a segment.
    anywhere: Vec<usize>,
}

impl Landmarks {
    /// The numbers, in order, of the patterns that might match the path, or what it is without a
    /// format suffix or trailing slash: mostly of none.
    pub(crate) fn near(&self, path: &str) -> Vec<usize> {
        let mut near = self.anywhere.clone();
        if self.fingerprints != 0 {
            for segment in path.split('/') {
                near.extend(self.of(segment));
                if let Some((unformatted, _)) = segment.rsplit_once('.') {
                    near.extend(self.of(unformatted));
                }
            }
        }
        near.sort_unstable();
        near.dedup();
        near
    }

    fn of(&self, segment: &str) -> &[usize] {
        if self.fingerprints & fingerprint(segment) == 0 {
            return &[];
        }
        let mut known = self.segments.iter();
        let known = known.find(|(known, _)| **known == *segment);
        known.map_or(&[], |(_, numbers)| numbers)
    }
}

impl Landmarks {
    /// Of patterns, by the segments that all paths have that they match. The rarest of a pattern's
    /// is its landmark, of those the longest: the others (`api`, `projects`) are in most paths.
    pub(crate) fn of_patterns<'a>(patterns: impl Iterator<Item = Vec<&'a str>> + Clone) -> Self {
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for segment in patterns.clone().flatten() {
            *uses.entry(segment).or_default() += 1;
        }
        let rank = |segment: &&str| (uses.get(segment).copied(), Reverse(segment.len()));
        let mut landmarks = Self::default();
        for (number, segments) in patterns.enumerate() {
            let Some(segment) = segments.into_iter().min_by_key(rank) else {
                landmarks.anywhere.push(number);
                continue;
            };
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

/// One of 64 bits, by length and ends; none for an empty segment.
fn fingerprint(segment: &str) -> u64 {
    let (Some(first), Some(last)) = (segment.bytes().next(), segment.bytes().next_back()) else {
        return 0;
    };
    let mixed = (segment.len() * 31) ^ (usize::from(first) * 7) ^ usize::from(last);
    1 << (mixed % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_needs_one_of_the_segments() {
        let patterns = [
            vec!["api", "variables"],
            vec!["api", "hooks"],
            vec!["api", "variables"],
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
        let anywhere = Landmarks::of_patterns([vec!["hooks"], vec![]].into_iter());
        assert_eq!(anywhere.near("/projects/1/issues"), [1]);
    }
}
