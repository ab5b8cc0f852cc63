//! The server side of HTTP/1.1, towards the client of an intercepted connection.

pub(super) mod body;
mod download;
mod request_traits;
mod send;
pub(super) mod serve;
mod wire;
