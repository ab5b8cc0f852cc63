//! HTTP/1.1 towards the providers (RFC 9112), without a task, a channel or a hash between the client's connection and the upstream one: the
//! task that reads a request writes it upstream and reads the answer. Connections that may serve another request wait in a [`pool`].

mod answer;
mod connection;
mod framing;
mod head;
pub(super) mod pool;

pub(super) use self::answer::AnswerBody;
pub(super) use self::connection::{Connection, Outgoing, Upload};
pub(super) use self::head::RequestForm;

use std::io;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
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
