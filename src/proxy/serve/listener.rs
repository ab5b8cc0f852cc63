//! The listener: its address is known before the child starts.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use authsome_ca::CaError;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::captured;
use super::client;
use super::door::{Door, ListenError};
use super::shared::{SessionConfig, Shared};
use crate::audit::{Event, Kind};
use crate::connection::CredentialSource;
use crate::isolate::Handed;
use crate::net::dial::Shortage;
use crate::os::process_tree::ProcessTree;
use crate::os::ulimits;
use crate::proxy::admission::admit::{Admission, Recognition};
use crate::proxy::admission::permit::Permit;
use crate::proxy::exchange::respond;
use crate::proxy::io::socket::{ClientSocket, Peer};
use crate::proxy::limits::{
    ACCEPT_PAUSE, FILES_PER_CONNECTION, MAX_CONNECTIONS, MAX_STRANGERS, MIN_CONNECTIONS,
    RESERVED_FILES, SHUTDOWN_DRAIN, STRANGER_TIMEOUT,
};
use crate::proxy::policy::all_routes::{HostInUse, Routes};
use crate::proxy::policy::routes::Managed;
use crate::proxy::refusal::Refusal;

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It cannot listen where it should.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The session CA cannot be made.
    #[error("cannot make the session's CA")]
    Ca(#[from] CaError),
}

/// A proxy that is bound and does not accept yet.
#[derive(Debug)]
pub struct Proxy<S> {
    door: Door,
    shared: Arc<Shared<S>>,
}

/// A proxy that accepts connections.
#[derive(Debug)]
pub struct Serving {
    accepting: JoinHandle<()>,
    capture: Capture,
    /// Those of the routes.
    ports: Vec<u16>,
    routes: Arc<Routes>,
    captured: Vec<JoinHandle<()>>,
    admission: Arc<Admission>,
    open: Arc<Semaphore>,
    most: usize,
}

/// Starts to serve the listeners of an isolated command.
struct Capture(Box<dyn Fn(Handed) -> io::Result<Vec<JoinHandle<()>>> + Send + Sync>);

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}

impl<S: CredentialSource> Proxy<S> {
    /// Binds where the configuration says, and makes the session's CA.
    pub async fn bind(config: SessionConfig, source: Arc<S>) -> Result<Self, ProxyError> {
        let door = Door::open(&config.listen).await?;
        let address = door.address().map_err(|source| ListenError::Address {
            address: config.listen.address,
            source,
        })?;
        let shared = Arc::new(Shared::new(config, source, address)?);
        Ok(Self { door, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address()
    }

    /// The certificate of the session CA, which clients must trust.
    pub fn ca_pem(&self) -> &str {
        self.shared.tls.ca_pem()
    }

    /// The session CA as a file of a directory of OpenSSL's: its name, and PEM.
    pub fn ca_file(&self) -> (&str, &str) {
        (self.shared.tls.ca_hashed_name(), self.ca_pem())
    }

    /// The SHA-256 digest of the session CA's `SubjectPublicKeyInfo`.
    pub fn ca_public_key_digest(&self) -> [u8; 32] {
        self.shared.tls.ca_public_key_digest()
    }

    /// Starts to accept connections.
    pub fn serve(self) -> Serving {
        let most = most_connections(ulimits::most_open_files());
        let open = Arc::new(Semaphore::new(most));
        let admission = Arc::clone(&self.shared.admission);
        let routes = Arc::clone(&self.shared.session.routes);
        let capture = {
            let (shared, open) = (Arc::clone(&self.shared), Arc::clone(&open));
            Capture(Box::new(move |handed| {
                captured::serve(&shared, &open, handed)
            }))
        };
        let accepting = tokio::spawn(accept(self.door, self.shared, Arc::clone(&open)));
        Serving {
            accepting,
            ports: routes.first_ports(),
            routes,
            capture,
            captured: Vec::new(),
            admission,
            open,
            most,
        }
    }
}

/// How many connections are served at one time, so that each finds a file descriptor for its
/// connection upstream. Further clients wait to be accepted; otherwise they would be accepted and
/// then refused.
fn most_connections(files: usize) -> usize {
    let room = files.saturating_sub(RESERVED_FILES) / FILES_PER_CONNECTION;
    room.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)
}

impl Serving {
    /// Serves the processes of that tree without a password as well.
    pub fn admit_tree(&self, tree: ProcessTree) {
        self.admission.admit_tree(tree);
    }

    /// A connection joins. The session must have been configured to be open. `before` gives the
    /// session's source its credential.
    ///
    /// # Errors
    ///
    /// Another connection has its host; `before` is then not called.
    pub fn join(&self, managed: Managed, before: impl FnOnce()) -> Result<(), HostInUse> {
        self.routes.join(managed, before)
    }

    /// The ports of the routes that the session has started with.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Serves what the listeners of an isolated command are asked for.
    ///
    /// # Errors
    ///
    /// A listener that cannot be watched.
    pub fn capture(&mut self, handed: Handed) -> io::Result<()> {
        self.captured.extend((self.capture.0)(handed)?);
        Ok(())
    }

    /// Stops accepting connections, and gives requests in progress a moment to end.
    pub async fn shut_down(self) {
        self.stop_accepting();
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(SHUTDOWN_DRAIN, self.open.acquire_many(all)).await;
    }

    fn stop_accepting(&self) {
        for accepting in self.captured.iter().chain([&self.accepting]) {
            accepting.abort();
        }
    }
}

/// No new connection is accepted; those that are open continue as long as the runtime.
impl Drop for Serving {
    fn drop(&mut self) {
        self.stop_accepting();
    }
}

async fn accept<S: CredentialSource>(door: Door, shared: Arc<Shared<S>>, open: Arc<Semaphore>) {
    let strangers = Arc::new(Semaphore::new(MAX_STRANGERS));
    loop {
        let Ok(permit) = Arc::clone(&open).acquire_owned().await else {
            return;
        };
        match door.accept().await {
            Ok((stream, peer)) => {
                let (shared, strangers) = (Arc::clone(&shared), Arc::clone(&strangers));
                tokio::spawn(serve(stream, peer, shared, Arc::new(permit), strangers));
            }
            // Out of file descriptors, or the client has already left: the next accept may succeed.
            Err(error) => {
                if Shortage::of(&error).is_some() {
                    shared.queue.relieve();
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve<S: CredentialSource>(
    stream: ClientSocket,
    peer: Peer,
    shared: Arc<Shared<S>>,
    permit: Permit,
    strangers: Arc<Semaphore>,
) {
    let client = match shared.admission.recognize(&stream, peer) {
        Recognition::Client(client) => Arc::new(client),
        Recognition::AnotherUser => {
            drop(permit); // other users must not take the permits of the run's own connections
            return turn_away(stream, &shared, &strangers).await;
        }
        Recognition::Nobody => return,
    };
    client::serve(stream, client, shared, permit).await;
}

/// Responds to the first request with the reason, whatever it asks for, and closes the connection.
async fn turn_away<S>(stream: ClientSocket, shared: &Shared<S>, strangers: &Semaphore) {
    let refusal = Refusal::AnotherUser;
    if shared.admission.is_first_stranger() {
        let event = Event::new(Kind::Denied);
        let audit = &shared.session.audit;
        audit.record(&event.because(refusal.to_string()));
    }
    let Ok(_place) = strangers.try_acquire() else {
        return;
    };
    let service = service_fn(async |_| Ok::<_, Infallible>(respond::from_refusal(&refusal)));
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(STRANGER_TIMEOUT, connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_room_for_its_way_upstream() {
        assert_eq!(most_connections(64), 12);
        assert_eq!(most_connections(1024), 492);
        assert_eq!(most_connections(0), MIN_CONNECTIONS);
        assert_eq!(most_connections(usize::MAX), MAX_CONNECTIONS);
    }
}
