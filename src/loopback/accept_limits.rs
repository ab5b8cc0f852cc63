//! Who may connect to the listener: only processes of this user. On a machine with several users,
//! any of them can connect to a loopback port. So the kernel is asked which user each connection
//! belongs to, before the connection takes one of the limited slots and before a byte of it is
//! read.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::address::ADDRESS;
use crate::defence::Defence;
use crate::os::socket_owner::{Owner, SocketOwners};

/// Browsers open a few connections in advance. More than this at once is no login.
const MAX_CONNECTIONS: usize = 16;

/// How many strangers are told at one time why they are refused. Any others are disconnected.
const MAX_STRANGERS: usize = 4;

/// The owner of a connection that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// This user.
    ThisUser,
    /// Unknown, because the kernel of this machine does not tell.
    Unknown,
}

/// The limits on connections, and the means to find out who owns one.
#[derive(Debug)]
pub(super) struct AcceptLimits {
    /// `None` if the kernel does not tell.
    owners: Option<SocketOwners>,
    pub(super) open: Semaphore,
    pub(super) strangers: Semaphore,
    /// What has already been reported to the login. Index 0: a connection without a known owner.
    /// Index 1: a connection of another user.
    told: [AtomicBool; 2],
}

impl AcceptLimits {
    /// Limits for the listener, which must already be bound.
    pub(super) fn new() -> Self {
        Self {
            owners: SocketOwners::new(ADDRESS),
            open: Semaphore::new(MAX_CONNECTIONS),
            strangers: Semaphore::new(MAX_STRANGERS),
            told: Default::default(),
        }
    }

    /// The owner of the connection. The error tells whether it belongs to another user (`true`) or
    /// to nobody (`false`).
    pub(super) fn recognize(&self, stream: &TcpStream, peer: SocketAddr) -> Result<Visitor, bool> {
        let Ok(local) = stream.local_addr() else {
            return Err(false);
        };
        let Some(owners) = &self.owners else {
            return Ok(Visitor::Unknown);
        };
        match owners.of_accepted(peer, local, || stream.peer_addr().is_ok()) {
            Owner::ThisUser(_) => Ok(Visitor::ThisUser),
            Owner::AnotherUser if !Defence::LoginUsers.stands() => Ok(Visitor::ThisUser),
            Owner::AnotherUser => Err(true),
            Owner::Nobody => Err(false),
        }
    }

    /// Whether this has not been reported yet. There can be any number of strangers, but each of
    /// the two kinds is reported once.
    pub(super) fn is_news(&self, of_another_user: bool) -> bool {
        !self.told[usize::from(of_another_user)].swap(true, Ordering::Relaxed)
    }
}
