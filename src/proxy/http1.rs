//! HTTP/1.1 (RFC 9112) on both sides of an intercepted request, without a task, a channel or a hash
//! between them: the task that reads a request writes it upstream, reads the response and sends it
//! on. Upstream connections that may serve another request wait in a [`Pool`].
//!
//! The parser is httparse, hyper's own. What is beyond it (where a body ends, who may send another
//! request) is read strictly: what two servers could read differently is refused.

mod client;
#[cfg(test)]
mod differential;
mod fault;
mod fields;
mod framing;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod read_buffer;
mod request_head;
mod request_target;
mod response_head;
mod server;
#[cfg(test)]
mod tests;
mod write;

pub(super) use self::client::connection::{Connection, Outgoing};
pub(super) use self::client::incoming_body::IncomingBody;
pub(super) use self::client::pool::Pool;
pub(super) use self::client::upload::Upload;
pub(super) use self::fault::{Fault, MalformedHead};
pub(super) use self::server::body::ClientBody;
pub(super) use self::server::serve::{Upgrade, serve};
pub(super) use self::write::RequestForm;
