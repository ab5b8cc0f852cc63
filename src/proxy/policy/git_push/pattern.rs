//! Which refs a run may push to.

use std::fmt;
use std::str::FromStr;

use authsome_providers::glob_matches;

use super::ref_name;

/// A pattern of refs. `agent/*` means branches (`refs/heads/agent/*`), other refs are named in full
/// (`refs/tags/v*`). `*` matches within one segment, `**` across segments. A pattern without a star
/// names one ref; `+` before such a name also allows that the ref is moved to where it was not
/// shown to lead, as in git's refspecs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefPattern {
    /// As the user wrote it.
    text: String,
    /// The full names that match.
    glob: String,
    is_name: bool,
    allows_force: bool,
}

impl RefPattern {
    /// Whether it matches the full name.
    pub(super) fn matches(&self, name: &str) -> bool {
        glob_matches(self.glob.as_bytes(), name.as_bytes())
    }

    /// Whether it is the ref's own name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.is_name && self.glob == name
    }

    /// Whether it allows the ref to be moved without a proof that nothing is lost.
    pub(super) fn allows_force(&self) -> bool {
        self.allows_force
    }

    /// A branch that it matches, as the user would name it. `NAME` stands for a star.
    pub(super) fn example(&self) -> Option<String> {
        let branch = self.glob.strip_prefix("refs/heads/")?;
        Some(branch.replace("**", "NAME").replace('*', "NAME"))
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Why a pattern is rejected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RefPatternError {
    /// `+` before a pattern with a star.
    #[error("`+` allows a force by name only: {0} has a star")]
    ForceByGlob(String),
    /// No ref can have such a name.
    #[error("no ref can be named {0:?} (`git check-ref-format` has the rules)")]
    Name(String),
    /// More than two stars in a row.
    #[error("`*` is anything within a segment and `**` anything at all; there is no `***`")]
    Stars,
}

impl FromStr for RefPattern {
    type Err = RefPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (allows_force, name) = match text.strip_prefix('+') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let glob = if name.starts_with("refs/") {
            name.to_owned()
        } else {
            format!("refs/heads/{name}")
        };
        if glob.contains("***") {
            return Err(RefPatternError::Stars);
        }
        // What stands for the stars could be any letter, but not any character.
        let without_stars = glob.replace('*', "x");
        if name.is_empty() || ref_name::checked(without_stars.as_bytes()).is_none() {
            return Err(RefPatternError::Name(name.to_owned()));
        }
        let is_name = !glob.contains('*');
        if allows_force && !is_name {
            return Err(RefPatternError::ForceByGlob(name.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            glob,
            is_name,
            allows_force,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_full_names() {
        for (pattern, name, expected) in [
            ("agent/*", "refs/heads/agent/a", true),
            ("agent/*", "refs/heads/agent/a/b", false),
            ("agent/*", "refs/heads/agent", false),
            ("agent/*", "refs/tags/agent/a", false),
            ("agent/*", "refs/heads/x/agent/a", false),
            ("agent/*", "refs/heads/Agent/a", false),
            ("agent/**", "refs/heads/agent/a/b", true),
            ("**", "refs/heads/a/b", true),
            ("**", "refs/tags/a", false),
            ("refs/tags/v*", "refs/tags/v1.0", true),
            ("refs/tags/v*", "refs/tags/w1.0", false),
            ("main", "refs/heads/main", true),
            ("main", "refs/heads/main2", false),
            ("+main", "refs/heads/main", true),
            ("*/fix-*", "refs/heads/a/fix-1", true),
        ] {
            let parsed: RefPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(name), expected, "{pattern} {name}");
            assert_eq!(parsed.to_string(), pattern);
        }
        let named = |pattern: &str| {
            pattern
                .parse::<RefPattern>()
                .unwrap()
                .names("refs/heads/main")
        };
        assert!(named("main") && named("refs/heads/main") && named("+main"));
        assert!(!named("*") && !named("mai*"));
    }

    #[test]
    fn patterns_that_no_ref_matches_are_rejected() {
        for pattern in [
            "", "a b", "refs/", "a//b", "/a", "a/", "../a", "a:b", "a***",
        ] {
            assert!(pattern.parse::<RefPattern>().is_err(), "{pattern:?}");
        }
        let error = "+agent/*".parse::<RefPattern>().unwrap_err();
        assert_eq!(error, RefPatternError::ForceByGlob("agent/*".to_owned()));
    }
}
