//! Tests of the crate's public interface.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod bundled;
mod catalog;
mod definitions;
mod github_api;
mod gitlab;
mod gitlab_api;
mod gitlab_guards;
mod older;
mod scopes;
mod services;
mod table;
mod wrong_fields;
