//! What was found out about one thing.

use std::fmt;

use serde_json::{Value, json};

use crate::cli::failure::Failure;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It works.
    Good,
    /// It works, but not all of it, or not for long.
    Warning,
    /// It does not work.
    Bad,
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Bad => "error",
        })
    }
}

/// What was found out about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) subject: String,
    pub(super) health: Health,
    pub(super) words: String,
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn good(subject: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            health: Health::Good,
            words: words.into(),
            remedy: None,
        }
    }

    pub(super) fn warning(
        subject: impl Into<String>,
        words: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            health: Health::Warning,
            remedy: Some(remedy.into()),
            ..Self::good(subject, words)
        }
    }

    pub(super) fn bad(
        subject: impl Into<String>,
        words: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            health: Health::Bad,
            ..Self::warning(subject, words, remedy)
        }
    }

    pub(super) fn of_failure(subject: &str, failure: Failure) -> Self {
        Self::bad(subject, failure.message, failure.hint)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "subject": self.subject,
            "health": self.health.to_string(),
            "message": self.words,
            "remedy": self.remedy,
        })
    }
}
