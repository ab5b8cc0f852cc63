//! Why an exchange came to nothing.

use std::io;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum Fault {
    /// The request's own body failed, or holds what must not go out.
    #[error("the request's body broke off")]
    Body(#[source] io::Error),
    /// The server ended the connection before it had answered.
    #[error("the connection was closed before the answer came")]
    Closed(#[source] Option<io::Error>),
    /// What came is not an answer.
    #[error("{0}")]
    Malformed(&'static str),
    /// No head of an answer came for so long.
    #[error("no answer came in time")]
    Timeout,
}
