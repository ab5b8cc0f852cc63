//! Why an exchange with a server failed, or a client's request head was rejected.

use std::io;

/// Why an exchange with a server failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum Fault {
    /// The request's body failed, or contains something that must not be sent.
    #[error("the request's body broke off")]
    Body(#[source] io::Error),
    /// The connection was closed before the response came.
    ///
    /// This is the only fault after which a request may be sent again on another connection: if the
    /// connection had been idle before, no response bytes have come, and the method is idempotent
    /// (RFC 9110 §9.2.2).
    #[error("the connection was closed before the response came")]
    Closed(#[source] Option<io::Error>),
    /// The peer sent something that is not valid HTTP/1.1, or more than a limit allows.
    #[error("{0}")]
    Malformed(&'static str),
    /// No response head came in time.
    #[error("no response came in time")]
    Timeout,
}

/// Why the head of a client's request was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum MalformedHead {
    /// It is not valid HTTP/1.1, or two recipients could parse it differently.
    #[error("{0}")]
    Malformed(&'static str),
    /// It exceeds a size limit.
    #[error("the head of the request is too large")]
    TooLarge,
}
