//! Connections to hosts: TLS trust, the user's own proxies and addresses, dialing.

pub(crate) mod dial;
pub mod resolve;
pub mod tls;
pub mod user_proxy;
