//! What waits for the user in one session: requests whose connection needs a login, requests that
//! a rule lets wait for a yes, and what a program inside has asked the user for. Beside them, the
//! latest refusals, which a program inside may read and the user may lift.
//!
//! Everything is bounded, and nothing of it is on the path of a request that does not wait.

mod agent_api;
mod decision;
mod lift;
mod list;
mod request;

pub use self::agent_api::AgentApi;
pub use self::decision::{Decision, NotDecided};
pub use self::lift::{Lift, LiftExtent, NotLifted};
pub(in crate::proxy) use self::list::Parking;
pub use self::list::{Pending, PendingOptions};
pub use self::request::{
    PendingKind, PendingRequest, RefusedRequest, ShownBody, Wanted, WantedError,
};
