//! Regular expressions of definitions: each has to match a whole text.

use std::fmt;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::host::last_line;

/// A regular expression that has to match a whole text.
///
/// To compile one takes longer than to parse the rest of most definitions, and in most runs none is
/// asked. So it is compiled when it is first asked, unless [`check`](Self::check) did so before.
#[derive(Clone, Debug)]
pub(crate) struct WholeText {
    expression: String,
    about: About,
    /// `None` within if it is none, which only happens to one that was not checked: it matches
    /// nothing.
    compiled: OnceLock<Option<Regex>>,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A key or a part of a name.
    Key,
    /// A decoded path. `.` must match a line feed too, otherwise a path with a decoded `%0A` could
    /// bypass a guard. It need not be UTF-8.
    Path,
}

impl WholeText {
    /// That expression, which may be none ([`check`](Self::check)).
    pub(crate) fn new(expression: &str, about: About) -> Self {
        Self {
            expression: expression.to_owned(),
            about,
            compiled: OnceLock::new(),
        }
    }

    /// Why it is not a regular expression.
    pub(crate) fn check(&self) -> Result<(), String> {
        let reason = |error: &dyn fmt::Display| last_line(&error.to_string());
        // Parse the pattern alone first: an unbalanced `)` must not close the group inside the
        // anchors.
        regex_syntax::ast::parse::Parser::new()
            .parse(&self.expression)
            .map_err(|error| reason(&error))?;
        let regex = self.compile().map_err(|error| reason(&error))?;
        let _ = self.compiled.set(Some(regex)); // or it is there already
        Ok(())
    }

    /// Whether it matches the whole text.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        let compiled = self.compiled.get_or_init(|| self.compile().ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        let is_path = self.about == About::Path;
        RegexBuilder::new(&format!(r"\A(?:{})\z", self.expression))
            .unicode(!is_path)
            .dot_matches_new_line(is_path)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_matches_whole_texts_whether_it_was_checked_or_not() {
        for is_checked in [false, true] {
            let key = WholeText::new("a|b", About::Key);
            assert!(!is_checked || key.check().is_ok());
            assert!(key.is_match(b"a") && key.is_match(b"b"));
            assert!(!key.is_match(b"ab") && !key.is_match(b"xa") && !key.is_match(b"a\n"));
        }
    }

    #[test]
    fn a_dot_is_a_line_feed_in_paths_alone() {
        assert!(WholeText::new("/.", About::Path).is_match(b"/\n"));
        assert!(WholeText::new("/.", About::Path).is_match(b"/\xff"));
        assert!(!WholeText::new("/.", About::Key).is_match(b"/\n"));
    }

    #[test]
    fn what_is_no_expression_matches_nothing() {
        for wrong in ["a)|(b", "(", r"\pL{9999999}"] {
            let wrong = WholeText::new(wrong, About::Key);
            assert!(wrong.check().is_err());
        }
        assert!(!WholeText::new("(", About::Key).is_match(b"("));
    }
}
