//! The client side of HTTP/1.1, towards a provider.

pub(super) mod connection;
pub(super) mod incoming_body;
mod out;
pub(super) mod pool;
pub(super) mod upload;
mod waiting;
