//! Bytes in, a credential on, bytes out: the one place where TLS is ended.
//!
//! The rooms, from the socket down; each imports only from those below it:
//!
//! ```text
//! serve/      a client's socket: CONNECT, TLS, a tunnel
//! exchange/   one request, from its arrival to its response
//! upstream/   the way to the providers
//! body/       a request's body on its way, kept as far as it is small
//! http2/      RFC 9113 on both sides      http1/   RFC 9112 on both sides; neither knows the other
//! message/    what both of these say of a message
//! policy/     what is done with a request: decisions on a head
//! admission/  who may use the proxy
//! rewrite/    edits of a head; the search for the placeholder
//! io/         byte streams
//! refusal.rs  why a request is not served      limits.rs   every wait and bound
//! ```
//!
//! This floor sees neither vault nor OAuth nor the child;
//! credentials come from a [`CredentialSource`](crate::connection::CredentialSource).

mod admission;
#[doc(hidden)]
pub mod bench;
mod body;
mod exchange;
mod http1;
mod http2;
mod io;
mod limits;
mod message;
mod policy;
mod refusal;
mod rewrite;
mod serve;
mod upstream;

#[cfg(any(fuzzing, test))]
pub(crate) use http1::properties;

pub use limits::Timeouts;
pub use policy::route::Preference;
pub use policy::routes::{Managed, RouteTable, Tie};
pub use policy::session_policy::Policy;
pub use serve::listener::{Proxy, ProxyError, Serving};
pub use serve::shared::SessionConfig;
