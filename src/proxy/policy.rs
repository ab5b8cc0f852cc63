//! Decides what is done with a request, from its head alone; and what the user permits.

pub(super) mod candidates;
pub(super) mod decide;
pub(super) mod method_override;
mod private_ca;
pub(super) mod route;
pub(super) mod routes;
mod same_origin;
pub(super) mod session_policy;
pub(super) mod target;
