//! Machines that share a vault on PostgreSQL.

mod crowd;
mod errors;

mod kit;
