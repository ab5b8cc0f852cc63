//! The user's own proxy: squid and tinyproxy as Debian has them, and SOCKS, each with a password,
//! for tunnels, injected requests and token requests. A proxy that this machine does not have is
//! skipped by name.

mod errors;
mod exceptions;
mod plain_http;
mod traffic;
