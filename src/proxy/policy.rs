//! What is done with a request: answers about a head, without a look at anything else.

pub(super) mod decide;
pub(super) mod routes;
pub(super) mod same_origin;
pub(super) mod session_policy;
pub(super) mod target;
