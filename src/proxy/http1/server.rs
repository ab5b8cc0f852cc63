//! The server's part of HTTP/1.1, towards the client of an intercepted connection.

mod asked;
pub(super) mod body;
mod download;
pub(super) mod serve;
mod wire;
