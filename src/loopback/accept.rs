//! Who may speak to the listener: this user's own processes. On a machine with several users any of
//! them can connect to a loopback port, so the kernel is asked whose each connection is before it
//! takes any of the room that there is, and before a byte of it is read.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::requests::{READ_TIMEOUT, respond};
use super::responses::plain;
use super::{Arrival, REDIRECT_PORT, Shared};
use crate::socket_owner::{Owner, SocketOwners};

/// Browsers open a few connections ahead; more than this at once is not a login.
const MOST_CONNECTIONS: usize = 16;

/// How many strangers are told at one time why they are turned away, and how long each may take to
/// hear it. The others are cut off.
const MOST_STRANGERS: usize = 4;
const STRANGER_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the listener is.
pub(super) const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, REDIRECT_PORT);

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
pub(super) struct Entrance {
    /// `None` where the kernel does not tell.
    owners: Option<SocketOwners>,
    open: Semaphore,
    strangers: Semaphore,
    /// What the login was told already: that there was another user's connection; that there was
    /// one of nobody's.
    told: [AtomicBool; 2],
}

impl Entrance {
    /// For the listener, which must be bound.
    pub(super) fn new() -> Self {
        Self {
            owners: SocketOwners::new(ADDRESS),
            open: Semaphore::new(MOST_CONNECTIONS),
            strangers: Semaphore::new(MOST_STRANGERS),
            told: Default::default(),
        }
    }

    /// Whose the connection is; the error is whether it is another user's rather than nobody's.
    fn recognize(&self, stream: &TcpStream, peer: SocketAddr) -> Result<Visitor, bool> {
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
    fn is_news(&self, of_another_user: bool) -> bool {
        !self.told[usize::from(of_another_user)].swap(true, Ordering::Relaxed)
    }
}

pub(super) async fn accept(tcp: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, peer)) = tcp.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // out of descriptors: wait for one
            continue;
        };
        match shared.entrance.recognize(&stream, peer) {
            Ok(visitor) => drop(tokio::spawn(serve(stream, visitor, Arc::clone(&shared)))),
            Err(of_another_user) => {
                if shared.entrance.is_news(of_another_user) {
                    // One that finds no room is one of many things that came in: the login has
                    // enough to say.
                    let _ = shared
                        .arrivals
                        .try_send(Arrival::Stranger { of_another_user });
                }
                tokio::spawn(turn_away(stream, Arc::clone(&shared)));
            }
        }
    }
}

async fn serve(stream: TcpStream, visitor: Visitor, shared: Arc<Shared>) {
    let Ok(_permit) = shared.entrance.open.try_acquire() else {
        return;
    };
    let service = service_fn(|request| respond(request, visitor, Arc::clone(&shared)));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(32 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await; // the browser's business
}

/// Says why to the first request, whatever it is, and closes the connection.
async fn turn_away(stream: TcpStream, shared: Arc<Shared>) {
    let Ok(_place) = shared.entrance.strangers.try_acquire() else {
        return;
    };
    let refusal = "authsome: this login is another user's of this machine. If it is yours, paste the address of this page at its terminal.";
    let service = service_fn(async |_| Ok::<_, Infallible>(plain(StatusCode::FORBIDDEN, refusal)));
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(32 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(STRANGER_TIMEOUT, connection).await;
}
