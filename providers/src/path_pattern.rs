//! Path patterns of `inject` and `guard` rules.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::spelling::{other_readings, spellings};
use crate::whole_text::{About, WholeText};

/// The prefix of a path pattern that is a regular expression.
const REGEX_PREFIX: &str = "regex:";

/// A path pattern: a glob (`*` matches within a segment, `**` matches anything, other characters
/// match themselves) or `regex:…`. It matches whole paths only.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: String,
    /// The length of the glob before its first star.
    literal: usize,
    /// Where what is behind its last star begins.
    tail: usize,
    /// `None` if the text is a glob.
    regex: Option<WholeText>,
}

impl PathPattern {
    /// A pattern that matches every path.
    pub(crate) fn any() -> Self {
        Self {
            text: "/**".to_owned(),
            literal: 1,
            tail: 3,
            regex: None,
        }
    }

    /// Segments that every matching path contains.
    pub(crate) fn literal_segments(&self) -> impl Iterator<Item = &str> {
        let glob = self.regex.is_none().then(|| self.text.split('/'));
        let segments = glob.into_iter().flatten();
        segments.filter(|segment| !segment.is_empty() && !segment.contains('*'))
    }

    /// What every matching path ends with. May be empty.
    pub(crate) fn tail(&self) -> &str {
        self.text.get(self.tail..).unwrap_or_default()
    }

    /// Whether a path that begins like this one, or the path itself, may match.
    pub(crate) fn begins(&self, path: &str) -> bool {
        let literal = self.text.get(..self.literal).unwrap_or_default();
        self.regex.is_some() || path.starts_with(literal)
    }

    /// Whether the pattern matches one of the paths that a server may treat this one as: without a
    /// trailing slash, a format suffix or parameters of segments, or decoded a second time.
    pub fn matches_a_spelling_of(&self, path: &str) -> bool {
        let matches =
            |path: &str| self.begins(path) && spellings(path).any(|path| self.matches(path));
        let mut others = other_readings(path).into_iter().flatten();
        matches(path) || others.any(|path| matches(&path))
    }

    /// Whether the pattern matches the whole path.
    pub fn matches(&self, path: &str) -> bool {
        if let Some(regex) = &self.regex {
            return regex.is_match(path.as_bytes());
        }
        // Compare the text before the first star first, and that behind the last one: most paths
        // differ from most patterns there.
        let (begin, glob) = self.text.split_at(self.literal);
        let rest = path.strip_prefix(begin);
        let rest = rest.filter(|rest| rest.ends_with(self.tail()));
        rest.is_some_and(|rest| glob_matches(glob.as_bytes(), rest.as_bytes()))
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PathPattern {
    /// The pattern, whose expression may be none ([`check`](Self::check)).
    pub(crate) fn unchecked(text: &str) -> Result<Self, PatternError> {
        let expression = text.strip_prefix(REGEX_PREFIX);
        let regex = expression.map(|expression| WholeText::new(expression, About::Path));
        if regex.is_none() {
            check_glob(text)?;
        }
        let is_star = |byte| byte == b'*';
        let last_star = text.bytes().rposition(is_star);
        let last_star = last_star.filter(|_| regex.is_none());
        Ok(Self {
            text: text.to_owned(),
            literal: text.bytes().position(is_star).unwrap_or(text.len()),
            tail: last_star.map_or(text.len(), |star| star + 1),
            regex,
        })
    }

    fn check(self) -> Result<Self, PatternError> {
        if let Some(regex) = &self.regex {
            regex.check().map_err(PatternError::Syntax)?;
        }
        Ok(self)
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::unchecked(text)?.check()
    }
}

/// Where to continue in the pattern and in the path if the text after a star does not match. The
/// star then takes one more byte.
#[derive(Clone, Copy)]
struct Star {
    pattern: usize,
    path: usize,
}

/// Whether a glob matches a whole path: `*` is anything within a segment, `**` anything at all,
/// other characters are themselves.
///
/// Matches with backtracking to at most two stars. If the text after a star matches at several
/// places, the first one leaves the most of the path for the later stars. So only the last star
/// (`within`) is retried, and once it would have to match a slash, the last double star (`across`).
pub fn glob_matches(glob: &[u8], path: &[u8]) -> bool {
    let (mut pattern, mut at) = (0, 0);
    let (mut within, mut across): (Option<Star>, Option<Star>) = (None, None);
    loop {
        match (glob.get(pattern), path.get(at)) {
            (Some(b'*'), _) => {
                let is_double = glob.get(pattern + 1) == Some(&b'*');
                pattern += if is_double { 2 } else { 1 };
                if is_double && pattern == glob.len() {
                    return true;
                }
                let star = Some(Star { pattern, path: at });
                (within, across) = if is_double {
                    (None, star)
                } else {
                    (star, across)
                };
            }
            (Some(wanted), Some(found)) if wanted == found => {
                pattern += 1;
                at += 1;
            }
            (None, None) => return true,
            _ => {
                let more = |star: Star| Star {
                    path: star.path + 1,
                    ..star
                };
                let crosses = |star: &Star| path.get(star.path) == Some(&b'/');
                within = within.filter(|star| !crosses(star)).map(more);
                if within.is_none() {
                    across = across.map(more);
                }
                // A star that would start after the end of the path has nothing left to try.
                match within.or(across).filter(|star| star.path <= path.len()) {
                    Some(star) => (pattern, at) = (star.pattern, star.path),
                    None => return false,
                }
            }
        }
    }
}

/// Why a path pattern is rejected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PatternError {
    /// A glob that does not start with `/`.
    #[error("a path pattern starts with `/` (or with `regex:`)")]
    NotRooted,
    /// More than two stars in a row.
    #[error("`*` is anything within a segment and `**` anything at all; there is no `***`")]
    Stars,
    /// Not a regular expression.
    #[error("the pattern is not a regular expression: {0}")]
    Syntax(String),
}

fn check_glob(text: &str) -> Result<(), PatternError> {
    if !text.starts_with('/') {
        return Err(PatternError::NotRooted);
    }
    if text.as_bytes().windows(3).any(|three| three == b"***") {
        return Err(PatternError::Stars);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        pattern.parse::<PathPattern>().unwrap().matches(path)
    }

    #[test]
    fn globs() {
        for (pattern, path, expected) in [
            ("/api/**", "/api/v4/user", true),
            ("/api/**", "/api", false),
            ("/api/**", "/x/api/v4", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/g%2Fp/c", true),
            ("/a/*/c", "/a/b/b/c", false),
            ("/a/*/c", "/a/b/c/d", false),
            ("/a.b", "/axb", false),
            ("/**.atom", "/g/p.atom", true),
            ("/**/downloads/**", "/g/p/downloads/x", true),
            ("/a/**/c", "/a/x\ny/c", true),
            ("regex:/a|/b", "/b", true),
            ("regex:/a|/b", "/bb", false),
            ("regex:^/a.c$", "/a\nc", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path:?}");
        }
    }

    /// Compares every glob of a few pieces with its equivalent regular expression, on every path of
    /// a few bytes.
    #[test]
    fn a_glob_is_its_regular_expression() {
        let texts = |alphabet: &[&str], most: usize| {
            let mut texts = vec![String::new()];
            let mut longest = texts.clone();
            for _ in 0..most {
                let longer = longest
                    .iter()
                    .flat_map(|text| alphabet.iter().map(move |piece| format!("{text}{piece}")));
                longest = longer.collect();
                texts.extend_from_slice(&longest);
            }
            texts
        };
        let paths = texts(&["/", "a", "b"], 6);
        let mut compared = 0;
        for text in texts(&["/", "a", "b", "*", "**"], 4) {
            let text = format!("/{text}");
            let Ok(glob) = text.parse::<PathPattern>() else {
                continue;
            };
            let across = text.split("**").map(|part| part.replace('*', "[^/]*"));
            let regex = WholeText::new(&across.collect::<Vec<_>>().join(".*"), About::Path);
            for path in &paths {
                let path = format!("/{path}");
                assert_eq!(
                    glob.matches(&path),
                    regex.is_match(path.as_bytes()),
                    "{text} {path}"
                );
                compared += 1;
            }
        }
        assert!(compared > 500_000, "{compared}");
    }

    #[test]
    fn a_literal_segment_is_whole_and_without_a_star() {
        for (pattern, expected) in [
            ("/api/*/variables", &["api", "variables"][..]),
            ("/api/*/variables/*", &["api", "variables"]),
            ("/api/**/direct_access", &["api", "direct_access"]),
            ("/api/x*/*y", &["api"]),
            ("/**.atom", &[]),
            ("/**", &[]),
            ("/", &[]),
            ("regex:/api/x", &[]),
        ] {
            let parsed: PathPattern = pattern.parse().unwrap();
            let segments: Vec<_> = parsed.literal_segments().collect();
            assert_eq!(segments, expected, "{pattern}");
        }
    }

    #[test]
    fn wrong_patterns_are_refused() {
        assert_eq!(
            "api/**".parse::<PathPattern>(),
            Err(PatternError::NotRooted)
        );
        assert_eq!("/a***".parse::<PathPattern>(), Err(PatternError::Stars));
        for text in ["regex:/a)|(/b", "regex:[", r"regex:(?=x)"] {
            assert!(
                matches!(text.parse::<PathPattern>(), Err(PatternError::Syntax(_))),
                "{text}"
            );
        }
    }
}
