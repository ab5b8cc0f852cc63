//! Which paths are worth comparing with many patterns.

/// Segments of which a path has at least one if any of the patterns matches it: a look at each of its segments tells most paths apart from
/// all patterns at once.
#[derive(Debug, Default)]
pub(crate) struct Landmarks {
    /// A bit for each segment's fingerprint.
    fingerprints: u64,
    segments: Vec<Box<str>>,
    /// There is a pattern without such a segment.
    anywhere: bool,
}

impl Landmarks {
    /// Whether some pattern might match the path, or what it is without a format suffix or trailing slash.
    pub(crate) fn may_match(&self, path: &str) -> bool {
        self.anywhere
            || (self.fingerprints != 0 && path.split('/').any(|segment| self.is_one(segment)))
    }

    fn is_one(&self, segment: &str) -> bool {
        self.has(segment)
            || segment
                .rsplit_once('.')
                .is_some_and(|(unformatted, _)| self.has(unformatted))
    }

    fn has(&self, segment: &str) -> bool {
        self.fingerprints & fingerprint(segment) != 0
            && self.segments.iter().any(|known| **known == *segment)
    }
}

impl<'pattern> FromIterator<Option<&'pattern str>> for Landmarks {
    fn from_iter<I: IntoIterator<Item = Option<&'pattern str>>>(patterns: I) -> Self {
        let mut landmarks = Self::default();
        for segment in patterns {
            let Some(segment) = segment else {
                landmarks.anywhere = true;
                continue;
            };
            landmarks.fingerprints |= fingerprint(segment);
            if !landmarks.segments.iter().any(|known| **known == *segment) {
                landmarks.segments.push(segment.into());
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
            ("/projects/1/variables", true),
            ("/projects/1/variables/", true),
            ("/projects/1/variables.json", true),
            ("/projects/1/variables.json/", true),
            ("/projects/1/variables/.json", true),
            ("/hooks", true),
            ("/projects/1/issues", false),
            ("/projects/1/variable", false),
            ("/projects/1/variables%2Fx", false),
            ("", false),
            ("/", false),
        ] {
            assert_eq!(landmarks.may_match(path), expected, "{path}");
        }
        assert!(!Landmarks::default().may_match("/projects/1/variables"));
        let anywhere: Landmarks = [Some("hooks"), None].into_iter().collect();
        assert!(anywhere.may_match("/projects/1/issues"));
    }
}
