//! The way to the providers: pooled connections, verified TLS, streamed bodies; no redirect is followed and no body decoded.

pub(super) mod body;
pub(super) mod http2_lease;
pub(super) mod send;
pub(super) mod stream;
pub(super) mod tls;
