//! A request's body on its way from the client.

pub(super) mod client;
pub(super) mod request;
