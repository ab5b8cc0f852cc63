//! From a client's socket to its requests: what is asked of the proxy itself, and where TLS is ended.

pub(super) mod connect;
pub(super) mod intercept;
pub(super) mod listener;
pub(super) mod request_line;
pub(super) mod tunnel;
