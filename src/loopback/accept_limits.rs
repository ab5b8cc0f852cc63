//! Who may speak to the listener: this user's own processes. On a machine with several users any of
//! them can connect to a loopback port, so the kernel is asked whose each connection is before it
//! takes any of the room that there is, and before a byte of it is read.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::address::ADDRESS;
use crate::os::socket_owner::{Owner, SocketOwners};

/// Browsers open a few connections ahead; more than this at once is not a login.
const MAX_CONNECTIONS: usize = 16;

/// How many strangers are told at one time why they are turned away. The others are cut off.
const MAX_STRANGERS: usize = 4;

/// Whose a connection is that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// This user's.
    ThisUser,
    /// Somebody's: here the kernel does not tell.
    Unknown,
}

/// The room that there is, and whom to ask.
#[derive(Debug)]
pub(super) struct AcceptLimits {
    /// `None` where the kernel does not tell.
    owners: Option<SocketOwners>,
    pub(super) open: Semaphore,
    pub(super) strangers: Semaphore,
    /// What the login was told already: that there was another user's connection; that there was
    /// one of nobody's.
    told: [AtomicBool; 2],
}

impl AcceptLimits {
    /// For the listener, which must be bound.
    pub(super) fn new() -> Self {
        Self {
            owners: SocketOwners::new(ADDRESS),
            open: Semaphore::new(MAX_CONNECTIONS),
            strangers: Semaphore::new(MAX_STRANGERS),
            told: Default::default(),
        }
    }

    /// Whose the connection is; the error is whether it is another user's rather than nobody's.
    pub(super) fn recognize(&self, stream: &TcpStream, peer: SocketAddr) -> Result<Visitor, bool> {
        let Some(owners) = &self.owners else {
            return Ok(Visitor::Unknown);
        };
        match owners.of_accepted(peer, ADDRESS.into(), || stream.peer_addr().is_ok()) {
            Owner::ThisUser(_) => Ok(Visitor::ThisUser),
            Owner::AnotherUser => Err(true),
            Owner::Nobody => Err(false),
        }
    }

    /// Whether that is new to the login: there can be any number of strangers.
    pub(super) fn is_news(&self, of_another_user: bool) -> bool {
        !self.told[usize::from(of_another_user)].swap(true, Ordering::Relaxed)
    }
}
