//! Keeps credentials out of the programs that use them.
//!
//! The floors, from the ground up (ARCHITECTURE.md tells the rest; `tests/architecture.rs` holds them):
//! [`secret`], [`home`], [`clock`] · [`vault`], [`loopback`], [`credential`], `dial` · [`oauth`], [`audit`], [`child`] · [`connection`] · [`proxy`] · [`session`] · [`cli`].

pub mod audit;
mod authority;
pub mod child;
pub mod cli;
pub mod clock;
pub mod connection;
pub mod content_coding;
pub mod credential;
mod dial;
pub mod env_vars;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
pub mod git_config;
pub mod helpers;
pub mod home;
pub mod loopback;
pub mod oauth;
pub mod port_owner;
pub mod private_memory;
pub mod process_tree;
pub mod program_path;
pub mod programs;
pub mod proxy;
pub mod resolve;
pub mod run_dir;
pub mod secret;
pub mod session;
pub mod socket_owner;
pub mod text;
pub mod tls;
pub mod ulimits;
pub mod user_proxy;
pub mod vault;
mod waiting;

pub use session::Session;
