//! Why a definition is refused.

use std::fmt;

use thiserror::Error;

/// Why a definition is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The service is self-hosted and the connection has no base URL.
    #[error("{provider} has no address of its own: log in with --base-url")]
    BaseUrlMissing {
        /// The provider's name.
        provider: String,
    },
    /// The connection has a base URL that the definition has no use for.
    #[error("{provider} has fixed endpoints: a base URL cannot move them")]
    BaseUrlUnused {
        /// The provider's name.
        provider: String,
    },
    /// A field has a wrong value.
    #[error("`{path}`: {reason}")]
    Field {
        /// Where the field stands, for example `oauth.token_url` or `inject[2].path`.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The text is not JSON with comments.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the JSON parser said.
        reason: String,
    },
}

impl DefinitionError {
    /// A wrong field: `reason` is any error's own words.
    pub(crate) fn field(path: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Field {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}
