//! The language of paths in `inject` and `guard`.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{RegexSet, RegexSetBuilder};
use thiserror::Error;

use crate::host::last_line;

/// How a path pattern that is a regular expression starts.
const REGEX_PREFIX: &str = "regex:";

/// A pattern of paths: a glob (`*` within a segment, `**` anything, the rest literally) or `regex:…`.
/// Anchored at both ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PathPattern {
    text: String,
    regex: String,
}

impl PathPattern {
    /// One automaton for a list of patterns, so that a look-up is one pass over the path.
    pub(crate) fn compile<'patterns>(
        patterns: impl Iterator<Item = &'patterns Self>,
    ) -> Result<RegexSet, regex::Error> {
        let anchored = patterns.map(|pattern| format!(r"\A(?:{})\z", pattern.regex));
        // `.` must match a line feed: a decoded %0A would otherwise walk past a guard.
        RegexSetBuilder::new(anchored)
            .unicode(false)
            .dot_matches_new_line(true)
            .build()
    }

    /// Everything.
    pub(crate) fn any() -> Self {
        Self {
            text: "/**".to_owned(),
            regex: "/.*".to_owned(),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(regex) = text.strip_prefix(REGEX_PREFIX) else {
            let regex = glob(text)?;
            return Ok(Self {
                text: text.to_owned(),
                regex,
            });
        };
        // Parsed alone first: an unbalanced `)` must not close the group that carries the anchors.
        regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(regex)
            .map_err(|error| PatternError::Syntax(last_line(&error.to_string())))?;
        let pattern = Self {
            text: text.to_owned(),
            regex: regex.to_owned(),
        };
        Self::compile(std::iter::once(&pattern))
            .map_err(|error| PatternError::Syntax(last_line(&error.to_string())))?;
        Ok(pattern)
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

fn glob(text: &str) -> Result<String, PatternError> {
    if !text.starts_with('/') {
        return Err(PatternError::NotRooted);
    }
    if text.contains("***") {
        return Err(PatternError::Stars);
    }
    let across = text.split("**").map(|part| {
        let within: Vec<String> = part.split('*').map(regex::escape).collect();
        within.join("[^/]*")
    });
    Ok(across.collect::<Vec<_>>().join(".*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let pattern: PathPattern = pattern.parse().unwrap();
        PathPattern::compile(std::iter::once(&pattern))
            .unwrap()
            .is_match(path.as_bytes())
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
