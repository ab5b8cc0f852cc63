//! Decides what is done with a request: from its head, and for a push with git and a GraphQL
//! document from its body; and what the user permits.

pub(super) mod all_routes;
pub(super) mod asking;
pub(super) mod candidates;
pub(super) mod decide;
pub(super) mod denied_field;
pub(super) mod gate;
pub(super) mod git_push;
pub(super) mod graphql;
pub(super) mod method_override;
mod private_ca;
pub(super) mod route;
pub(super) mod routes;
mod same_origin;
mod sent_guard;
pub(super) mod session_policy;
pub(super) mod target;
