//! The tests through the door a user takes: the binary, real sockets, real TLS, a fake GitLab with the real one's behaviour.

mod acceptance;
mod admission;
mod answers;
mod child;
mod cli;
mod environment;
mod forms;
mod git;
mod inside;
mod kit;
mod login;
mod made_with;
mod proxy;
mod refresh;
mod run;
mod scale;
mod upstream_proxy;
mod vault;
