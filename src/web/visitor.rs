//! Whose a connection to the page is: this user's, and of no process of a run.
//!
//! A process of a run has no token; but it sees the arguments of the programs that this user
//! starts, the browser's among them. So it is turned away by what the kernel says of it. A browser
//! may hide its descriptors; a process of a run that hides its own is taken for the one that has
//! connected.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::defence::Defence;
use crate::os::home::Home;
use crate::os::peer::holders_of;
use crate::os::socket_owner::{Owner, SocketOwners};
use crate::session::control::{SESSION, is_of_a_run};

/// Finds out who has connected.
#[derive(Debug)]
pub(super) struct Visitors {
    listener: SocketAddr,
    /// `None` where the kernel does not tell. There the token alone decides.
    owners: Option<SocketOwners>,
}

impl Visitors {
    /// For a listener that is already bound.
    pub(super) fn new(listener: SocketAddr) -> Self {
        Self {
            listener,
            owners: SocketOwners::new(listener),
        }
    }

    /// The error says why the connection is not served. It takes some milliseconds.
    pub(super) async fn admit(
        &self,
        stream: &TcpStream,
        peer: SocketAddr,
        home: &Home,
    ) -> Result<(), &'static str> {
        let Some(owners) = &self.owners else {
            return Ok(());
        };
        let owner = owners.of_accepted(peer, self.listener, || stream.peer_addr().is_ok());
        let inode = match owner {
            _ if !Defence::UiVisitors.stands() => return Ok(()),
            Owner::ThisUser(inode) => inode,
            Owner::AnotherUser => return Err("this page is another user's of this machine"),
            Owner::Nobody => return Err("the system does not tell whose this connection is"),
        };
        let home = home.clone();
        let search = tokio::task::spawn_blocking(move || {
            let (holders, hidden) = holders_of(inode, SESSION);
            let suspects = if holders.is_empty() { hidden } else { holders };
            suspects.iter().any(|line| is_of_a_run(&home, line))
        });
        match search.await {
            Ok(false) => Ok(()),
            _ => Err("a process of a run is refused: only you may see and decide, outside of it"),
        }
    }
}
