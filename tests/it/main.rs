//! The tests through the door a user takes: the binary, real sockets, real TLS, a fake GitLab with
//! the real one's behaviour.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod acceptance;
mod admission;
mod attended;
mod child;
mod ci;
mod cli;
mod client_certificate;
mod control;
mod daily;
mod documents;
mod doors;
mod durability;
mod environment;
mod fleet;
mod full_screen;
mod git;
mod gitlab_map;
mod inside;
mod isolate;
mod keys;
mod kit;
mod login;
mod made_with;
mod names;
mod policy;
mod private;
mod proxy;
mod refresh;
mod responses;
mod run;
mod run_told;
mod scale;
mod settings;
mod shown;
mod skill;
mod starved;
mod strangers;
mod supervision;
mod trust;
mod ui;
mod upstream_proxy;
mod vault;
mod waiting;
mod words;
