//! Bytes in, a credential on, bytes out: the one place where TLS is ended.
//!
//! A connection's way: [`listener`] → [`admit`] → [`connect`] → [`tunnel`] or [`intercept`] → [`exchange`], which reads from the top down:
//! [`target`], [`route`], the credential, [`inject`], [`upstream`], [`respond`]. This floor sees neither vault nor OAuth nor the child;
//! credentials come from a [`CredentialSource`](crate::connection::CredentialSource).

mod admit;
#[doc(hidden)]
pub mod bench;
mod body;
mod challenge;
mod connect;
mod dial;
mod exchange;
mod headers;
mod http1;
mod inject;
mod intercept;
mod limits;
mod listener;
mod placeholder;
mod record;
mod refusal;
mod rejection;
mod relay;
mod request_line;
mod respond;
mod route;
mod session;
mod stream;
mod target;
mod tunnel;
mod upgrade;
mod upstream;
mod upstream_stream;
mod web_page;

pub use limits::Timeouts;
pub use listener::{Proxy, ProxyError, Serving};
pub use route::{Managed, Preference, RouteTable, Tie};
pub use session::{Policy, SessionConfig};
