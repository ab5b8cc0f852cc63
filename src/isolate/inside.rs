//! What runs before the command, on its way inside: the helper that makes the namespaces, and the
//! first process in them.

mod capabilities;
mod capture;
mod connector;
mod filter;
mod init;
mod landlock;
mod listeners;
mod mounts;
mod namespaces;
mod netlink;
mod network;
mod nftables;
mod read_only;
mod telling;

pub use self::init::run as init;
pub use self::namespaces::enter;
