//! The servers upstream, each with its idle connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::stream::UpstreamStream;
use crate::authority::Authority;
use crate::net::tls::ClientCertificate;
use crate::proxy::http1::Pool;
use crate::proxy::http2;
use crate::proxy::limits::{IDLE_UPSTREAM, MAX_DESTINATIONS, MAX_IDLE_UPSTREAM, SWEEP_INTERVAL};

/// Whether connections to a server use TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::proxy) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The default port, which a URL of that scheme may leave out.
    pub(in crate::proxy) fn usual_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Which protocol an upstream connection may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::proxy) enum Dialect {
    /// HTTP/1.1 only: for HTTP/1.1 clients, as it costs less than HTTP/2, and for upgrades.
    Http1,
    /// HTTP/2 if the server supports it: for clients that speak it themselves (gRPC needs it).
    Http2,
}

/// A server upstream, and the idle connections to it.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) authority: Authority,
    pub(super) scheme: Scheme,
    /// What its connections present to the server.
    pub(super) client_certificate: Option<Arc<ClientCertificate>>,
    pub(super) pool: Arc<Pool<UpstreamStream>>,
    http2: Mutex<Vec<Idle>>,
}

/// An HTTP/2 connection that no client's connection uses now.
#[derive(Debug)]
struct Idle {
    connection: http2::Connection,
    since: Instant,
}

impl Destination {
    /// Whether its connections present that certificate; `None` means no certificate.
    pub(super) fn shows(&self, certificate: Option<&Arc<ClientCertificate>>) -> bool {
        self.client_certificate.as_ref() == certificate
    }

    /// Takes the HTTP/2 connection that was used last, of those that are still open. If `may_reuse`
    /// is `false`, that connection is closed instead.
    pub(super) fn take_http2(&self, may_reuse: bool) -> Option<http2::Connection> {
        let mut idle = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |mut idle: Idle| idle.connection.is_open().then_some(idle.connection);
        let last = std::iter::from_fn(|| idle.pop()).find_map(stands);
        last.filter(|_| may_reuse)
    }

    /// Keeps an HTTP/2 connection that no client uses now.
    pub(super) fn put_http2(&self, mut connection: http2::Connection) {
        if !connection.is_open() {
            return;
        }
        let mut idle = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE_UPSTREAM {
            let since = Instant::now();
            idle.push(Idle { connection, since });
        }
    }

    /// Closes all idle connections, because their file descriptors are needed.
    fn close_idle(&self) {
        self.pool.clear();
        let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        http2.clear();
    }

    /// Closes connections that have been idle for too long. Returns whether any are left.
    fn sweep(&self) -> bool {
        let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        http2.retain_mut(|idle| idle.since.elapsed() < IDLE_UPSTREAM && idle.connection.is_open());
        let has_http1 = self.pool.sweep();
        has_http1 || !http2.is_empty()
    }
}

/// The destinations that are in use or have idle connections.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    known: Mutex<HashMap<Key, Arc<Destination>>>,
    /// Whether the task of `sweep_later` runs.
    is_swept: AtomicBool,
}

type Key = (Authority, Scheme, Option<Arc<ClientCertificate>>);

impl Destinations {
    /// The destination with that name, for connections that present that certificate. The lookup
    /// takes a lock, so a caller that needs the destination often should keep it.
    pub(super) fn get(
        &self,
        authority: &Authority,
        scheme: Scheme,
        certificate: Option<&Arc<ClientCertificate>>,
    ) -> Arc<Destination> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (authority.clone(), scheme, certificate.cloned());
        if let Some(destination) = known.get(&key) {
            return Arc::clone(destination);
        }
        let destination = Arc::new(Destination {
            authority: authority.clone(),
            scheme,
            client_certificate: certificate.cloned(),
            pool: Arc::default(),
            http2: Mutex::default(),
        });
        if known.len() < MAX_DESTINATIONS {
            known.insert(key, Arc::clone(&destination));
        }
        destination
    }

    /// Closes the idle connections to all destinations.
    pub(super) fn close_idle(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for destination in known.values() {
            destination.close_idle();
        }
    }

    /// Starts the task that closes connections which are idle for too long, unless it runs already.
    /// It ends when no destination is left.
    pub(super) fn sweep_later(self: &Arc<Self>) {
        if self.is_swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let destinations = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_INTERVAL).await;
                let Some(destinations) = destinations.upgrade() else {
                    return;
                };
                if !destinations.sweep() {
                    return;
                }
            }
        });
    }

    /// Closes connections that have been idle for too long, and removes destinations that nobody
    /// uses. Returns whether any destination is left.
    fn sweep(&self) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, destination| {
            let has_idle = destination.sweep();
            has_idle || Arc::strong_count(destination) > 1
        });
        let is_needed = !known.is_empty();
        self.is_swept.store(is_needed, Ordering::Relaxed);
        is_needed
    }
}
