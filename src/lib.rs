//! Keeps credentials out of the programs that use them.
//!
//! The floors (layers), from the bottom up: [`secret`], [`clock`], [`os`]; [`mod@env`], [`net`],
//! [`age_file`]; [`vault`], [`loopback`], [`credential`], [`isolate`]; [`oauth`], [`audit`],
//! [`child`];
//! [`connection`]; [`hand_back`]; [`proxy`]; [`session`]; [`cli`]. ARCHITECTURE.md describes them,
//! and `tests/architecture/` checks that no import goes up.

pub mod age_file;
pub mod audit;
mod authority;
mod canonical_path;
pub mod child;
pub mod cli;
pub mod clock;
pub mod connection;
pub mod content_coding;
pub mod credential;
mod defence;
pub mod env;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod growing;
pub mod hand_back;
pub mod isolate;
pub mod loopback;
pub mod net;
pub mod oauth;
pub mod os;
pub mod proxy;
pub mod secret;
pub mod session;
pub mod text;
pub mod vault;
mod waiting;
pub mod web;

pub use session::Session;
