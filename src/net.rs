//! The way to a host: whom TLS trusts, the user's own proxies and addresses, a connection.

pub(crate) mod dial;
pub mod resolve;
pub mod tls;
pub mod user_proxy;
