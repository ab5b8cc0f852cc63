//! Requests to the providers: pooled connections, verified TLS, streamed bodies. Redirects are not
//! followed, and bodies are not decoded.

pub(super) mod body;
mod connector;
pub(super) mod destination;
pub(super) mod error;
mod http2_lease;
mod origin;
pub(super) mod origins;
pub(super) mod send;
mod stream;
mod tls;
