//! The language of paths in `inject` and `guard`.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

use crate::host::last_line;

/// How a path pattern that is a regular expression starts.
const REGEX_PREFIX: &str = "regex:";

/// A pattern of paths: a glob (`*` within a segment, `**` anything, the rest literally) or
/// `regex:…`. Anchored at both ends.
#[derive(Clone, Debug)]
pub(crate) struct PathPattern {
    text: String,
    /// How much of a glob stands before its first star.
    literal: usize,
    /// `None`: the text is a glob. One that is a regular expression costs a thousand times more to
    /// prepare, at each start.
    regex: Option<Regex>,
}

impl PathPattern {
    /// Everything.
    pub(crate) fn any() -> Self {
        Self {
            text: "/**".to_owned(),
            literal: 1,
            regex: None,
        }
    }

    /// The segments that each path has that is meant.
    pub(crate) fn literal_segments(&self) -> impl Iterator<Item = &str> {
        let glob = self.regex.is_none().then(|| self.text.split('/'));
        let segments = glob.into_iter().flatten();
        segments.filter(|segment| !segment.is_empty() && !segment.contains('*'))
    }

    /// Whether the whole path is meant.
    pub(crate) fn matches(&self, path: &str) -> bool {
        if let Some(regex) = &self.regex {
            return regex.is_match(path.as_bytes());
        }
        // Most paths differ from most patterns before the first star.
        let (begin, glob) = self.text.split_at(self.literal);
        let rest = path.strip_prefix(begin);
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

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let regex = text.strip_prefix(REGEX_PREFIX).map(compile).transpose()?;
        if regex.is_none() {
            check_glob(text)?;
        }
        Ok(Self {
            text: text.to_owned(),
            literal: text
                .bytes()
                .position(|byte| byte == b'*')
                .unwrap_or(text.len()),
            regex,
        })
    }
}

fn compile(regex: &str) -> Result<Regex, PatternError> {
    let syntax = |error: &dyn fmt::Display| PatternError::Syntax(last_line(&error.to_string()));
    // Parsed alone first: an unbalanced `)` must not close the group that carries the anchors.
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(regex)
        .map_err(|error| syntax(&error))?;
    // `.` must match a line feed: a decoded %0A would otherwise walk past a guard.
    RegexBuilder::new(&format!(r"\A(?:{regex})\z"))
        .unicode(false)
        .dot_matches_new_line(true)
        .build()
        .map_err(|error| syntax(&error))
}

/// The pattern and the path to go on with where the text after a star does not fit: the star takes
/// a byte more.
#[derive(Clone, Copy)]
struct Star {
    pattern: usize,
    path: usize,
}

/// Of several places where the text after a star fits, the first leaves the most to the stars
/// behind it. So only the last star is ever tried again, and, when that one has come to a slash,
/// the last double star.
fn glob_matches(glob: &[u8], path: &[u8]) -> bool {
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
                // A star that would begin behind the end has nothing left to try.
                match within.or(across).filter(|star| star.path <= path.len()) {
                    Some(star) => (pattern, at) = (star.pattern, star.path),
                    None => return false,
                }
            }
        }
    }
}

/// Why a path pattern is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PatternError {
    /// A glob that does not start at the root.
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
    if text.contains("***") {
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

    /// Every glob of a few pieces on every path of a few bytes, against the regular expression that
    /// it stands for.
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
            let regex = compile(&across.collect::<Vec<_>>().join(".*")).unwrap();
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
