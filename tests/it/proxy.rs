//! The proxy as a child meets it: tunnels, the password, refusals, HTTP of every kind, several
//! accounts, the user's own proxy, git, the log.

mod absolute_form;
mod accounts;
mod early_responses;
mod framing;
mod git;
mod guards;
mod http;
mod log;
mod managed;
mod mints;
mod password;
mod placeholder;
mod scrub;
mod streaming;
mod tunnels;
mod upstream_errors;
mod user_proxy;
mod websocket;
