//! What tests of several areas are made of.

pub(crate) mod admission;
pub(crate) mod browser;
pub(crate) mod certificates;
mod children;
pub(crate) mod client;
pub(crate) mod commands;
pub(crate) mod doors;
pub(crate) mod emulator;
pub(crate) mod faults;
pub(crate) mod git;
pub(crate) mod isolate;
pub(crate) mod journey;
pub(crate) mod login;
pub(crate) mod private;
pub(crate) mod proxies;
pub(crate) mod refresh;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod servers;
pub(crate) mod session;
mod setup;
pub(crate) mod socks;
pub(crate) mod terminal;
mod world;

pub(crate) use setup::{SCOPES, Setup, connection, id};
pub(crate) use world::{Outcome, PLACEHOLDER, World, binary, until};

/// What `list --json` says of GitLab.
pub(crate) fn gitlab_in(list: &serde_json::Value) -> &serde_json::Value {
    let providers = list["providers"].as_array().unwrap();
    let gitlab = providers
        .iter()
        .find(|provider| provider["name"] == "gitlab");
    gitlab.unwrap()
}
