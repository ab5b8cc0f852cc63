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
mod exchange;
mod headers;
mod http1;
mod http2;
mod http2_lease;
mod inject;
mod intercept;
mod interim;
mod limits;
mod listener;
mod patient;
mod placeholder;
mod record;
mod refusal;
mod rejection;
mod relay;
mod request_body;
mod request_line;
mod respond;
mod response_body;
mod route;
mod session;
mod stream;
mod target;
mod tunnel;
mod upgrade;
mod upstream;
mod upstream_connections;
mod upstream_stream;
mod upstream_tls;
mod web_page;

use crate::dial;

pub use limits::Timeouts;
pub use listener::{Proxy, ProxyError, Serving};
pub use route::{Managed, Preference, RouteTable, Tie};
pub use session::{Policy, SessionConfig};
