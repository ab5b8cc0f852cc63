//! HTTP/1.1 (RFC 9112) on both sides of an intercepted request: as a server towards the client, and
//! as a client towards the provider. Between the two sides there is no task, no channel and no hash
//! map: the task that reads a request writes it upstream, reads the response and forwards it.
//! Upstream connections that can serve another request wait in a [`Pool`].
//!
//! httparse, hyper's own parser, parses the heads. Everything beyond it (where a body ends, whether
//! another request may follow) is parsed strictly: a message that two recipients could parse
//! differently is rejected.

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
