//! Decides what is done with a request: from its head, and for a push with git and a GraphQL
//! document from its body; and what the user permits.

pub(super) mod candidates;
pub(super) mod decide;
#[cfg_attr(
    not(any(fuzzing, test)),
    expect(
        dead_code,
        unused_imports,
        reason = "no request is asked for its refs yet"
    )
)]
pub(super) mod git_push;
#[cfg_attr(
    not(any(fuzzing, test)),
    expect(dead_code, reason = "the exchange does not ask it yet")
)]
pub(super) mod graphql;
pub(super) mod method_override;
mod private_ca;
pub(super) mod route;
pub(super) mod routes;
mod same_origin;
pub(super) mod session_policy;
pub(super) mod target;
