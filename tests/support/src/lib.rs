//! A fake GitLab with Doorkeeper's behaviour, and the test kit around it.
//!
//! [`FakeGitLab`] is a TLS server on a loopback port that plays what authsome needs of GitLab:
//! the OAuth authorization server (PKCE, one-row token pairs, immediate rotation, revocation), the
//! REST and GraphQL API with GitLab's order of credential lookup, smart-HTTP git with LFS and
//! the ban counter, and streams of every shape (downloads, uploads, server-sent events, trailers,
//! WebSocket, gRPC). It records every request that arrives, and misbehaves on order ([`Fault`]).
//!
//! A panic in any of its tasks fails the test: dropping the server panics with the message.
//!
//! ```no_run
//! use authsome_test_support::{Endpoint, FakeGitLab, Fault};
//!
//! let gitlab = FakeGitLab::start();
//! let app = gitlab.register_app(false);
//! let pair = gitlab.issue_tokens(&app, "api");
//! gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
//! assert!(gitlab.is_live(&pair.access));
//! ```

mod api;
mod authorize;
mod call;
mod chat;
mod client_ca;
mod credential;
mod fault;
mod file;
mod forge;
mod git;
mod grants;
mod grpc;
pub mod kit;
mod lfs;
mod listener;
mod oauth;
mod panics;
mod postgres;
mod repository;
mod response;
mod route;
mod seen;
mod server;
mod shared;
pub mod snapshot;
mod stream;
mod tls;
mod token;
mod variable;
mod websocket;
mod wire;

pub use authorize::AuthorizeResponse;
pub use client_ca::{ClientCa, ClientIdentity};
pub use credential::Arrived;
pub use fault::{Endpoint, Fault, Spelling};
pub use forge::{FORGE_PROJECT, Forge, Objects};
pub use grants::{App, Pair};
pub use postgres::Postgres;
pub use repository::Visibility;
pub use seen::{Protocol, Seen};
pub use server::{Builder, FakeGitLab};
pub use stream::pattern_byte;
pub use tls::Identity;
