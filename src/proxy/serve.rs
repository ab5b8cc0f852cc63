//! From a client's socket to its requests: what a client may ask of the proxy itself, and where TLS
//! is terminated.

mod absolute_form;
mod captured;
mod client;
mod connect;
pub(super) mod door;
mod intercept;
pub(super) mod listener;
mod refuse;
mod request_line;
mod server_tls;
pub(super) mod shared;
mod tunnel;
