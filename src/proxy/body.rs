//! A request's body on its way from the client.

pub(super) mod client;
pub(super) mod drain;
mod field_search;
pub(super) mod replay;
pub(super) mod request;
