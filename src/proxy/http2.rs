//! HTTP/2 (RFC 9113) on both sides of an intercepted request, directly on the `h2` crate. hyper,
//! which is built on `h2`, treats a stream that was reset with `NO_ERROR` or `CANCEL` as a body
//! that has ended, so an upload or a response that broke off would look complete. hyper also
//! forwards no interim responses.

mod batch;
mod client;
mod exchange;
mod fault;
mod late;
mod piece;
mod read_after_write_error;
mod received;
mod resets;
mod sender;
mod server;
#[cfg(test)]
mod tests;

pub(super) use self::client::{Connection, Outgoing};
pub(super) use self::exchange::Exchange;
pub(super) use self::fault::Fault;
pub(super) use self::received::ReceivedBody;
pub(super) use self::server::serve;
