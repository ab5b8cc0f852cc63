//! Which paths are worth comparing with many patterns.

/// Segments of which a path has at least one if any of the patterns matches it: a look at each of its segments tells most paths apart from
/// all patterns at once.
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
    /// The numbers, in order, of the patterns that might match the path, or what it is without a format suffix or trailing slash: mostly of
    /// none.
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

impl<'pattern> FromIterator<Option<&'pattern str>> for Landmarks {
    fn from_iter<I: IntoIterator<Item = Option<&'pattern str>>>(patterns: I) -> Self {
        let mut landmarks = Self::default();
        for (number, segment) in patterns.into_iter().enumerate() {
            let Some(segment) = segment else {
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
        let landmarks: Landmarks = [Some("variables"), Some("hooks"), Some("variables")]
            .into_iter()
            .collect();
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
        let anywhere: Landmarks = [Some("hooks"), None].into_iter().collect();
        assert_eq!(anywhere.near("/projects/1/issues"), [1]);
    }
}
