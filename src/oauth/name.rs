//! Names to addresses, by the system's resolver on a thread of its own.
//!
//! reqwest's way there takes a thread of the runtime's pool, which panics where the system gives none.

use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// Asks `getaddrinfo`, which knows the hosts file and all that the user has set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadResolver;

impl Resolve for ThreadResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            let work = move || {
                // The port is put in by who connects.
                let found = (name.as_str(), 0).to_socket_addrs();
                let _ = sender.send(found.map(Iterator::collect::<Vec<SocketAddr>>));
            };
            thread::Builder::new()
                .name("resolver".to_owned())
                .spawn(work)?;
            let found = receiver.await??;
            let addresses: Addrs = Box::new(found.into_iter());
            Ok::<_, Box<dyn Error + Send + Sync>>(addresses)
        })
    }
}
