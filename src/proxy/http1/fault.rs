//! Why an exchange came to nothing.

use std::io;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum Fault {
    /// The request's own body failed, or holds what must not go out.
    #[error("the request's body broke off")]
    Body(#[source] io::Error),
    /// The server ended the connection before it had answered.
    ///
    /// After this one alone a request may go out again, on another connection: if nothing had come,
    /// and the connection had been idle before.
    #[error("the connection was closed before the response came")]
    Closed(#[source] Option<io::Error>),
    /// What came is not a response.
    #[error("{0}")]
    Malformed(&'static str),
    /// No head of a response came for so long.
    #[error("no response came in time")]
    Timeout,
}

/// Why what a client has sent is no request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum MalformedHead {
    /// It is not as HTTP/1.1 has it, or could be read in two ways.
    #[error("{0}")]
    Malformed(&'static str),
    /// It is beyond any bound.
    #[error("the head of the request is too large")]
    TooLarge,
}
