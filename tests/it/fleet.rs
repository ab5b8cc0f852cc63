//! Machines that share a vault on PostgreSQL.

mod crowd;
mod errors;
mod failover;
mod killed;
mod kit;
mod lease;
mod moving;
mod outage;
mod scale;
mod tls;
