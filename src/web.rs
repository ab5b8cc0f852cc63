//! The page of `authsome ui`: what all runs of this home do, and what the user says to it.
//!
//! It is a listener on 127.0.0.1, one page without a resource from anywhere else, and a stream of
//! events: those of the runs' sockets (`session/control.rs`), read only while a page is open. It
//! holds no secret and opens no vault; what the user asks for is done by [`Actions`].
//!
//! Who may use it, each against an attack from this machine or from another site in the browser:
//!
//! - **another user** of this machine: the kernel tells whose a connection is, before a byte of it
//!   is read; and **a process of a run**, which is found by the socket that it has open
//!   (`visitor.rs`);
//! - **whoever reads the browser's arguments**: the token in the address is taken once. If it comes
//!   twice, both lose what they got (`access.rs`);
//! - **DNS rebinding**: a request is served only if its `Host` is ours;
//! - **cross-site requests**: `Origin` and `Sec-Fetch-Site` must be ours, and what is asked carries
//!   `Authorization`, which no form and no other origin can send. There is no cookie, which any
//!   port of this host would be sent;
//! - **a stolen port**: what is left of a page that has ended has a token that nobody takes;
//! - **script from what others wrote**: the policy of the page allows its own script by its hash,
//!   and no text is ever made to markup.

mod access;
mod actions;
mod notices;
mod page;
mod responses;
mod serve;
mod shared;
mod stream;
mod visitor;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use self::access::Access;
pub use self::actions::Actions;
pub use self::notices::Notices;
use self::page::Page;
use self::serve::accept;
use self::shared::Shared;
pub use self::stream::Stream;
use self::visitor::Visitors;
use crate::os::home::Home;

/// A page that is served until it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Listens on that port of 127.0.0.1, or on any that is free (0).
    pub async fn bind(
        port: u16,
        home: &Home,
        actions: Arc<dyn Actions>,
        notices: Notices,
        is_read_only: bool,
    ) -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = tcp.local_addr()?;
        let access = Access::new().map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            home: home.clone(),
            host: address.to_string(),
            origin: format!("http://{address}"),
            access,
            page: Page::new(is_read_only),
            visitors: Visitors::new(address),
            actions,
            notices,
            is_read_only,
        });
        Ok(Self {
            address,
            accepting: tokio::spawn(accept(tcp, Arc::clone(&shared))),
            shared,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open, with the token that is taken once.
    pub fn url(&self) -> String {
        self.shared.access.url(&self.shared.origin)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
