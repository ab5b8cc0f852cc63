//! Machines that share a vault on PostgreSQL.

mod crowd;
mod errors;
mod failover;
mod gate;
mod joining;
mod killed;
mod kit;
mod lease;
mod link;
mod moving;
mod order;
mod outage;
mod partition;
mod plot;
mod scale;
mod steps;
mod tls;
mod upgrade;
mod waits;
