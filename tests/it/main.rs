//! The tests through the door a user takes: the binary, real sockets, real TLS, a fake GitLab with the real one's behaviour.

mod acceptance;
mod admission;
mod child;
mod cli;
mod environment;
mod forms;
mod git;
mod kit;
mod login;
mod proxy;
mod refresh;
mod run;
mod scale;
mod settings;
mod upstream_proxy;
