//! The accept loop, and what a test can tell it to do.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::shared::Shared;
use crate::wire::{Socket, Wire};
use crate::{panics, route};

/// What a test tells the server's thread. Each is acknowledged when it is done.
pub(crate) enum Command {
    Disconnect(SyncSender<()>),
    Refuse(bool, SyncSender<()>),
    Stop,
}

/// A port that is listened on, or one that is only held and so refuses.
enum Door {
    Open(TcpListener),
    Shut(TcpSocket),
}

/// Binds a port without listening on it.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // The connections of the listener before are still in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts and serves until it is told to stop.
pub(crate) async fn run(
    shared: Arc<Shared>,
    tls: Arc<ServerConfig>,
    socket: TcpSocket,
    mut commands: Receiver<Command>,
) -> io::Result<()> {
    let address = socket.local_addr()?;
    let acceptor = TlsAcceptor::from(tls);
    let mut door = Door::Shut(socket);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = accept(&door) => {
                let shared = Arc::clone(&shared);
                connections.spawn(serve(shared, acceptor.clone(), stream));
            }
            command = commands.recv() => match command {
                None | Some(Command::Stop) => return Ok(()),
                Some(Command::Disconnect(done)) => {
                    connections.shutdown().await;
                    acknowledge(&done);
                }
                Some(Command::Refuse(refuse, done)) => {
                    door = turn(door, refuse, address).await?;
                    if refuse {
                        connections.shutdown().await;
                    }
                    acknowledge(&done);
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    shared.panicked(panics::message(error.into_panic().as_ref()));
                }
            }
        }
    }
}

async fn turn(door: Door, refuse: bool, address: SocketAddr) -> io::Result<Door> {
    match (door, refuse) {
        (Door::Shut(socket), false) => socket.listen(BACKLOG).map(Door::Open),
        (Door::Open(listener), true) => {
            // The port must be free before it can be held again.
            drop(listener);
            hold(address).await.map(Door::Shut)
        }
        (door, _) => Ok(door),
    }
}

/// Binds a port that was listened on until now. A child that another test's thread has forked,
/// but that has not called exec yet, keeps the listener open for some milliseconds more.
async fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    for _ in 0..HOLD_ATTEMPTS {
        match bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(PAUSE).await;
            }
            bound => return bound,
        }
    }
    bind(address)
}

async fn accept(door: &Door) -> TcpStream {
    let Door::Open(listener) = door else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
        // Out of descriptors, most likely: let some connection end first.
        tokio::time::sleep(PAUSE).await;
    }
}

async fn serve(shared: Arc<Shared>, acceptor: TlsAcceptor, stream: TcpStream) {
    // Without it small responses wait for Nagle; a socket that is gone fails later anyway.
    let _ = stream.set_nodelay(true);
    let wire = Arc::new(Wire::default());
    let socket = Socket::new(stream, Arc::clone(&wire));
    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket));
    let Ok(Ok(stream)) = handshake.await else {
        return;
    };
    shared.counters.connections.add();
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(|chain| chain.first()).cloned();
    let service = service_fn(|mut request| {
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        route::serve(Arc::clone(&shared), Arc::clone(&wire), request)
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http2()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW);
    let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        // Dropping the connection is what cuts it.
        () = wire.ended() => {}
        // How a peer ends its connection is its own affair.
        _ = connection => {}
    }
}

fn acknowledge(done: &SyncSender<()>) {
    // A test that no longer waits has already failed.
    let _ = done.try_send(());
}

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How often a port is tried that should be free.
const HOLD_ATTEMPTS: u32 = 500;
/// Between two attempts at what the machine should soon give.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// HTTP/2's flow-control window, so that it does not bound a benchmark.
const WINDOW: u32 = 1024 * 1024;
