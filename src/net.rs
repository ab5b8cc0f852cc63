//! Connections to hosts: TLS trust, the user's own proxies and addresses, dialing.

pub(crate) mod address_kind;
pub(crate) mod dial;
pub mod host_rule;
pub mod resolve;
pub mod tls;
pub mod user_proxy;
