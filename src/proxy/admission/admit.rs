//! Who may use the proxy: processes of this user (where the kernel reports the owner of a
//! connection) that have the session's password. Processes of the run need no password, because
//! some clients cannot send one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::either::Either;

use crate::defence::Defence;
use crate::net::dial::Queue;
use crate::os::process_tree::{ProcessTree, SearchLimits};
use crate::os::socket_owner::{Owner, SocketOwners};
use crate::proxy::io::socket::{ClientSocket, Peer};
use crate::proxy::limits::{MAX_SEARCHES, SEARCH_STEPS, SEARCH_TIME, SEARCH_WAIT};
use crate::proxy::refusal::Refusal;
use crate::secret::Secret;

/// The user name in the proxy's URL.
pub(in crate::proxy) const USER: &str = "authsome";

/// Decides which connections and requests are served.
#[derive(Debug)]
pub(in crate::proxy) struct Admission {
    /// The one Basic credential (RFC 7617) that is admitted, in base64.
    expected: Secret<String>,
    /// The address that the proxy listens on.
    listener: SocketAddr,
    /// `None` where the kernel does not report owners: there the password alone decides.
    owners: Option<SocketOwners>,
    tree: OnceLock<ProcessTree>,
    searches: Arc<Semaphore>,
    queue: Arc<Queue>,
    met_stranger: AtomicBool,
}

/// A client's connection.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Client {
    /// The inode of the client's socket, if the kernel reports it.
    socket: Option<u32>,
    /// It has opened the proxy's Unix socket, which only this user can.
    has_the_file: bool,
    /// Whether a process of the run has that socket open. Looked up for the first request without a
    /// password.
    is_of_the_tree: OnceCell<bool>,
}

impl Client {
    /// The inode of the client's socket, if the kernel reports it.
    pub(in crate::proxy) fn socket(&self) -> Option<u32> {
        self.socket
    }
}

/// Who has opened a new connection.
#[derive(Debug)]
pub(in crate::proxy) enum Recognition {
    /// Another user.
    AnotherUser,
    /// This user, or any user where the kernel does not report owners.
    Client(Client),
    /// The kernel finds no client: nobody waits for a response, and the owner is unknown.
    Nobody,
}

impl Admission {
    /// For a proxy that listens on `listener`.
    pub(in crate::proxy) fn new(
        password: &Secret<String>,
        listener: SocketAddr,
        queue: Arc<Queue>,
    ) -> Self {
        let plain = Secret::new(format!("{USER}:{}", password.expose()));
        let owners = match listener {
            // Clients elsewhere have no owner here.
            SocketAddr::V4(v4) if v4.ip().is_loopback() => SocketOwners::new(listener),
            _ => None,
        };
        Self {
            expected: Secret::new(STANDARD.encode(plain.expose())),
            listener,
            owners,
            tree: OnceLock::new(),
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
            queue,
            met_stranger: AtomicBool::new(false),
        }
    }

    /// From now on, processes of that tree need no password.
    pub(in crate::proxy) fn admit_tree(&self, tree: ProcessTree) {
        let _ = self.tree.set(tree); // a session has one command
    }

    /// Finds out who has opened a connection, as soon as it is accepted. From another user at most
    /// the head of one request is read, and it is refused whatever it says.
    pub(in crate::proxy) fn recognize(&self, stream: &ClientSocket, peer: Peer) -> Recognition {
        let (stream, peer) = match (stream, peer) {
            (Either::Left(stream), Peer::Address(peer)) => (stream, peer),
            // By the socket's file, or out of a network namespace of the run's own.
            (_, Peer::User { is_this_user: true }) => {
                return Recognition::Client(Client {
                    has_the_file: true,
                    ..Client::default()
                });
            }
            _ => return Recognition::AnotherUser,
        };
        let Some(owners) = &self.owners else {
            return Recognition::Client(Client::default());
        };
        match owners.of_accepted(peer, self.listener, || stream.peer_addr().is_ok()) {
            Owner::AnotherUser if !Defence::OtherUsers.stands() => {
                Recognition::Client(Client::default())
            }
            Owner::AnotherUser => Recognition::AnotherUser,
            Owner::Nobody => Recognition::Nobody,
            Owner::ThisUser(inode) => Recognition::Client(Client {
                socket: Some(inode),
                ..Client::default()
            }),
        }
    }

    /// Whether this is the first connection of another user. Only the first one is logged, because
    /// there may be any number of them.
    pub(in crate::proxy) fn is_first_stranger(&self) -> bool {
        !self.met_stranger.swap(true, Ordering::Relaxed)
    }

    /// Whether the client may have this request served.
    pub(in crate::proxy) async fn check(
        &self,
        client: &Client,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let by_process = || self.is_of_the_tree(client.socket);
        if client.has_the_file {
            return Ok(());
        }
        let is_admitted = match headers.get(PROXY_AUTHORIZATION) {
            Some(offered) => self.is_the_password(offered),
            None => *client.is_of_the_tree.get_or_init(by_process).await,
        };
        if is_admitted || !Defence::ProxyPassword.stands() {
            Ok(())
        } else {
            Err(Refusal::ProxyAuthentication)
        }
    }

    /// Compares in constant time, so that the time tells nothing about the password ("timing
    /// attack"). The scheme is compared without case, because httplib2 sends it in lower case.
    fn is_the_password(&self, offered: &HeaderValue) -> bool {
        let parts = offered.as_bytes().split_at_checked("basic ".len());
        parts.is_some_and(|(scheme, credential)| {
            scheme.eq_ignore_ascii_case(b"basic ") && self.expected.matches(credential.trim_ascii())
        })
    }

    /// Searches on another thread than the one that serves all connections, and only a few searches
    /// run at a time: clients without a password wait only for each other.
    async fn is_of_the_tree(&self, socket: Option<u32>) -> bool {
        let (Some(inode), Some(tree)) = (socket, self.tree.get().copied()) else {
            return false;
        };
        let turn = async {
            let turn = Arc::clone(&self.searches).acquire_owned().await;
            self.queue.room().await; // without a file descriptor, a search would find nothing
            turn
        };
        let Ok(Ok(turn)) = tokio::time::timeout(SEARCH_WAIT, turn).await else {
            return false;
        };
        let search = tokio::task::spawn_blocking(move || {
            let _turn = turn; // held until the search ends, even if the client leaves before
            let limits = SearchLimits {
                deadline: Instant::now() + SEARCH_TIME,
                steps: SEARCH_STEPS,
            };
            tree.has_open(inode, limits)
        });
        search.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(header: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        }
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Admission::new(&Secret::new("s3cret".to_owned()), nowhere, Arc::default())
            .check(&Client::default(), &headers)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn where_the_kernel_does_not_tell_the_password_alone_is_admitted() {
        let good = STANDARD.encode("authsome:s3cret");
        assert!(check(Some(&format!("Basic {good}"))).await);
        assert!(check(Some(&format!("basic {good} "))).await);
        for bad in [
            None,
            Some(""),
            Some("Basic"),
            Some(&*format!("Bearer {good}")),
            Some(&*format!("Basic {}", STANDARD.encode("authsome:other"))),
            Some(&*format!("Basic {}", STANDARD.encode("root:s3cret"))),
        ] {
            assert!(!check(bad).await, "{bad:?}");
        }
    }
}
