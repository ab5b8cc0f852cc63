//! `authsome run --isolate`: a command in namespaces of its own, whose connections are captured.
//!
//! ```text
//! authsome          binds a socket in the session's directory and starts the helper; takes the
//!    │              listeners from that socket and serves them (proxy/serve/captured.rs)
//!    └─ helper      `authsome __isolate`: makes the namespaces, starts the first process, waits
//!       └─ init     `authsome __init`, PID 1 inside: network, listeners, mounts, filters; hands
//!          │        the listeners over, starts the command, reaps what ends, tells how it does
//!          └─ command
//! ```
//!
//! Inside there is a loopback interface and nothing else. Each address in the world is a local one
//! there, so every connection is accepted by a listener that was made inside and is served outside:
//! there is no way around it, as there is no other interface. What the listeners were asked for is
//! the connection's original destination.
//!
//! Nothing here knows the vault, a credential or a connection.

mod broker;
mod connector;
mod datagrams;
mod descriptors;
#[cfg(target_os = "linux")]
mod inside;
mod names;
mod original;
pub mod places;
mod plan;
mod report;
pub mod repository;
mod resolver;
mod wall;

pub use self::broker::{Control, Doorway, IsolateError};
pub use self::connector::Connector;
pub(crate) use self::datagrams::Datagrams;
pub(crate) use self::names::Names;
pub(crate) use self::original::original_destination;
pub use self::plan::{Files, Plan, User, captured_ports};
pub use self::report::{Handed, Progress, Step};
pub(crate) use self::resolver::{MAX_QUESTION, answer};
pub(crate) use self::wall::Wall;

#[cfg(target_os = "linux")]
pub use self::inside::enter;
#[cfg(target_os = "linux")]
pub use self::inside::init;

/// The hidden first argument that turns this program into the helper, and into the first process
/// inside.
pub const HELPER_ARGUMENT: &str = "__isolate";
/// See [`HELPER_ARGUMENT`].
pub const INIT_ARGUMENT: &str = "__init";

/// Without namespaces there is nothing to enter.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: impl Iterator<Item = std::ffi::OsString>) -> u8 {
    crate::isolate::report::EXIT_FAILED
}

/// Without namespaces there is nothing to enter.
#[cfg(not(target_os = "linux"))]
pub fn init(_: impl Iterator<Item = std::ffi::OsString>) -> u8 {
    crate::isolate::report::EXIT_FAILED
}
