//! What tests of several areas are made of.

pub(crate) mod admission;
mod children;
pub(crate) mod client;
pub(crate) mod commands;
pub(crate) mod faults;
pub(crate) mod git;
pub(crate) mod journey;
pub(crate) mod private;
pub(crate) mod proxies;
pub(crate) mod run;
pub(crate) mod servers;
mod setup;
pub(crate) mod socks;
pub(crate) mod terminal;
mod world;

pub(crate) use setup::{SCOPES, Setup, id};
pub(crate) use world::{Outcome, PLACEHOLDER, World, binary, until};
