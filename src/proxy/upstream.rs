//! The way to the providers: pooled connections, verified TLS, streamed bodies; no redirect is
//! followed and no body decoded.

pub(super) mod body;
mod connector;
pub(super) mod destination;
mod error;
mod http2_lease;
mod origin;
pub(super) mod origins;
pub(super) mod send;
mod stream;
mod tls;
