//! Adds credentials to requests and forwards them. The only module that terminates TLS.
//!
//! The modules, from the client's socket down. Each one imports only from those below it:
//!
//! ```text
//! serve/      a client's socket: CONNECT, TLS, a tunnel
//! exchange/   one request, from its arrival to its response
//! upstream/   requests to the providers
//! body/       a request's body; a small one is kept so that it can be sent again
//! http2/      RFC 9113 on both sides      http1/   RFC 9112 on both sides; neither knows the other
//! message/    what both protocols have in common
//! pending/    what waits for the user, and was refused of late
//! policy/     what is done with a request, and what the user permits
//! admission/  who may use the proxy
//! rewrite/    edits of a head; the search for the placeholder, and for secrets in responses
//! io/         byte streams
//! refusal.rs  why a request is not served      limits.rs   every timeout and limit
//! ```
//!
//! The proxy knows nothing of the vault, OAuth or the child; credentials come from a
//! [`CredentialSource`](crate::connection::CredentialSource).

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
mod pending;
mod policy;
mod refusal;
mod rewrite;
mod serve;
mod upstream;

#[cfg(any(fuzzing, test))]
pub(crate) use http1::properties;
#[cfg(any(fuzzing, test))]
pub(crate) use policy::git_push::properties::git_push as git_push_properties;
#[cfg(any(fuzzing, test))]
pub(crate) use policy::graphql::properties as graphql_properties;
#[cfg(any(fuzzing, test))]
pub(crate) use rewrite::scrub::properties as scrub_properties;

pub use exchange::depends_on::DependsOn;
pub use exchange::dry_run::{DeniedBy, DryRun, Foreseen, Imagined, NoRequest, Outcome};
pub use limits::Timeouts;
pub use pending::{
    AgentApi, Decision, Lift, LiftExtent, NotDecided, NotLifted, Pending, PendingKind,
    PendingOptions, PendingRequest, RefusedRequest, ShownBody, Wanted, WantedError,
};
pub use policy::all_routes::HostInUse;
pub use policy::git_push::{PushPolicy, RefPattern, RefPatternError};
pub use policy::route::Preference;
pub use policy::routes::{Managed, RouteTable, Tie};
pub use policy::session_policy::{
    Contradiction, Limit, LimitError, PathRule, PathRuleError, Policy, PolicyLayer, PolicySource,
    SessionPolicy,
};
pub use rewrite::scrub::extent::ScrubExtent;
pub use serve::door::{Listen, ListenError};
pub use serve::listener::{Proxy, ProxyError, Serving};
pub use serve::shared::SessionConfig;
