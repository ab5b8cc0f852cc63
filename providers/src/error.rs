//! Why a definition is rejected.

use std::fmt;

use thiserror::Error;

/// Why a definition is rejected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DefinitionError {
    /// The service is self-hosted and the connection has no base URL.
    #[error("{provider} has no address of its own: log in with --base-url")]
    BaseUrlMissing {
        /// The provider's name.
        provider: String,
    },
    /// The connection has a base URL, but the definition does not use one.
    #[error("{provider} has fixed endpoints: a base URL cannot move them")]
    BaseUrlUnused {
        /// The provider's name.
        provider: String,
    },
    /// A field has an invalid value.
    #[error("`{path}`: {reason}")]
    Field {
        /// The path of the field, for example `oauth.token_url` or `inject[2].path`.
        path: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// A value for what a place needs does not have its form.
    #[error("`{value}` cannot be {name} ({label}; for example {example})")]
    ParamInvalid {
        /// The parameter.
        name: String,
        /// Its name for the user.
        label: String,
        /// A value that has the form.
        example: String,
        /// What was given.
        value: String,
    },
    /// What a place needs was not given.
    #[error("{label} is not given (for example {example})")]
    ParamMissing {
        /// The parameter.
        name: String,
        /// Its name for the user.
        label: String,
        /// A value that has the form.
        example: String,
    },
    /// A value was given that the definition has no use for.
    #[error("{provider} has no parameter `{name}`")]
    ParamUnknown {
        /// The provider.
        provider: String,
        /// The parameter.
        name: String,
    },
    /// The text is not JSON with comments.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// The JSON parser's message.
        reason: String,
    },
}

impl DefinitionError {
    /// An error in a field. `reason` may be any error.
    pub(crate) fn field(path: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Field {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}
