//! HTTP/1.1 (RFC 9112) on both sides of an intercepted request, without a task, a channel or a hash between them: the task that reads a
//! request writes it upstream, reads the answer and sends it on. Upstream connections that may serve another request wait in a [`pool`].
//!
//! The parser is httparse, hyper's own. What is beyond it (where a body ends, who may send another request) is read strictly: what two
//! servers could read differently is refused.

mod answer;
mod client;
mod connection;
#[cfg(test)]
mod differential;
mod download;
mod framing;
mod head;
pub(super) mod pool;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod request;
mod request_target;
mod server;
mod upload;

pub(super) use self::answer::AnswerBody;
pub(super) use self::client::ClientBody;
pub(super) use self::connection::{Connection, Outgoing};
pub(super) use self::head::RequestForm;
pub(super) use self::server::{Upgrade, serve};
pub(super) use self::upload::Upload;

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
