//! The fake itself, met as a client meets it: through sockets, by curl, git and openssl.

mod api;
mod common;
mod faults;
mod git;
mod oauth;
