//! HTTP/2 (RFC 9113) on both sides of an intercepted request, on the `h2` crate itself: hyper, on
//! top of it, takes a stream that was reset with `NO_ERROR` or `CANCEL` for a body that has ended,
//! so that an upload or a response that broke off looked whole; and it forwards no interim
//! response.

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
