//! The client's part of HTTP/1.1, towards a provider.

pub(super) mod answer;
pub(super) mod connection;
pub(super) mod pool;
pub(super) mod upload;
