//! Connections that were made to somewhere else, and captured (`authsome run --isolate`): what a
//! client without a proxy does, served as if it had asked the proxy for it.
//!
//! ```text
//! the address ──▶ a name that the resolver inside gave it to, or the address itself ──▶ authority
//!   the proxy's own port      ▶ as any client of the proxy, without a password
//!   managed                   ▶ TLS is ended, as within CONNECT
//!   an address, and the ClientHello names a managed host ▶ the same, for that name
//!   managed, but port 22      ▶ an SSH server that says why not
//!   plain HTTP to a name      ▶ as a request in absolute form
//!   any other                 ▶ a blind tunnel to that authority, if the policy permits it
//! ```

mod hello;
mod http;
mod ports;
mod resolver;
mod ssh;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::either::Either;

use self::ports::Way;
use self::resolver::Resolver;
use super::client;
use super::intercept;
use super::shared::Shared;
use super::tunnel;
use crate::audit::Event;
use crate::authority::Authority;
use crate::connection::CredentialSource;
use crate::isolate::{Datagrams, Handed, Names, Wall, answer, original_destination};
use crate::net::dial::Shortage;
use crate::proxy::admission::permit::Permit;
use crate::proxy::io::socket::ClientSocket;
use crate::proxy::limits::{ACCEPT_PAUSE, DEFAULT_READ, FIRST_BYTES_WAIT, MAX_HELLO};
use crate::proxy::policy::gate::Disposition;
use crate::proxy::refusal::Refusal;

/// The port of SSH.
const SSH: u16 = 22;

/// What all captured connections of a run share.
struct Captured<S> {
    shared: Arc<Shared<S>>,
    names: Arc<Names>,
    open: Arc<Semaphore>,
    /// The proxy's port inside.
    proxy_port: u16,
}

/// Starts to serve what was handed over from inside.
pub(super) fn serve<S: CredentialSource>(
    shared: &Arc<Shared<S>>,
    open: &Arc<Semaphore>,
    handed: Handed,
) -> io::Result<Vec<JoinHandle<()>>> {
    let captured = Arc::new(Captured {
        proxy_port: shared.address().port(),
        shared: Arc::clone(shared),
        names: Arc::default(),
        open: Arc::clone(open),
    });
    let mut tasks = Vec::new();
    for listener in handed.capture {
        let (listener, captured) = (adopted(listener)?, Arc::clone(&captured));
        tasks.push(tokio::spawn(
            async move { accept(listener, captured).await },
        ));
    }
    let resolver = {
        let captured = Arc::clone(&captured);
        Resolver::new(move |question| captured.answer(question), open)
    };
    for socket in handed.names {
        let socket = Datagrams::new(socket)?;
        let resolver = resolver.clone();
        tasks.push(tokio::spawn(async move {
            resolver.serve_datagrams(socket).await;
        }));
    }
    for listener in handed.names_over_tcp {
        let (listener, resolver) = (adopted(listener)?, resolver.clone());
        tasks.push(tokio::spawn(async move {
            resolver.serve_connections(listener).await;
        }));
    }
    for (port, listener) in handed.host_ports {
        let (listener, open) = (adopted(listener)?, Arc::clone(open));
        tasks.push(tokio::spawn(ports::serve(listener, port, Way::Out, open)));
    }
    let connector = handed.connector.map(Arc::new);
    for (port, listener) in handed.published {
        let (listener, open) = (adopted(listener)?, Arc::clone(open));
        if let Some(connector) = connector.clone() {
            let way = Way::In(connector);
            tasks.push(tokio::spawn(ports::serve(listener, port, way, open)));
        }
    }
    Ok(tasks)
}

fn adopted(listener: StdTcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept<S: CredentialSource>(listener: TcpListener, captured: Arc<Captured<S>>) {
    loop {
        let Ok(permit) = Arc::clone(&captured.open).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let captured = Arc::clone(&captured);
                let _ = stream.set_nodelay(true);
                tokio::spawn(async move { captured.serve(stream, Arc::new(permit)).await });
            }
            Err(error) => {
                if Shortage::of(&error).is_some() {
                    captured.shared.queue.relieve();
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl<S: CredentialSource> Captured<S> {
    async fn serve(&self, stream: TcpStream, permit: Permit) {
        let Ok(destination) = original_destination(&stream) else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let stream = Either::Left(stream);
        if destination.ip().to_canonical().is_loopback() {
            if destination.port() == self.proxy_port {
                client::serve_isolated(stream, shared, permit).await;
            }
            return; // the command's own loopback interface: nobody is there
        }
        let Some(authority) = self.authority(destination) else {
            return;
        };
        self.serve_captured(stream, authority, permit).await;
    }

    /// What the address stands for. An address of ours that no name has is nobody's.
    fn authority(&self, destination: SocketAddr) -> Option<Authority> {
        let address = destination.ip().to_canonical();
        match self.names.name_of(address) {
            Some(name) => Authority::new(&name, destination.port()),
            None if Names::is_ours(address) => None,
            None => Authority::new(&address.to_string(), destination.port()),
        }
    }

    async fn serve_captured(&self, mut stream: ClientSocket, authority: Authority, permit: Permit) {
        let shared = &self.shared;
        if authority.port() == SSH && shared.session.routes.manages_host(&authority) {
            self.note(
                &authority,
                &Refusal::SshWithoutCredential(authority.to_string()),
            );
            ssh::refuse(&mut stream, authority.host()).await;
            return;
        }
        let mut early = Bytes::new();
        let mut authority = authority;
        if !shared.session.routes.manages(&authority) {
            early = first_bytes(&mut stream).await;
            let named = hello::server_name(&early)
                .and_then(|name| Authority::new(&name, authority.port()))
                .filter(|named| named != &authority);
            if let Some(named) = named {
                if authority.host().parse::<IpAddr>().is_err() && Wall::NamesAgree.stands() {
                    // Fronting: the name that was asked for is not the one that is talked to.
                    let refusal = Refusal::Misdirected {
                        expected: authority.host().to_owned(),
                        found: named.host().to_owned(),
                    };
                    return self.refuse(stream, &early, &authority, &refusal).await;
                }
                if shared.session.routes.manages(&named) {
                    authority = named;
                }
            }
        }
        let is_name = authority.host().parse::<IpAddr>().is_err();
        let disposition = match shared.disposition(&authority) {
            Disposition::Refuse(_) if !Wall::Policy.stands() => Disposition::Tunnel,
            disposed => disposed,
        };
        match disposition {
            Disposition::Refuse(_) if is_name && http::is_request(&early) => {
                http::serve(shared, &authority, (stream, early)).await; // it says why
            }
            Disposition::Refuse(refusal) => self.refuse(stream, &early, &authority, &refusal).await,
            Disposition::Intercept if http::is_request(&early) => {
                http::serve(shared, &authority, (stream, early)).await; // the agent's API in clear
            }
            Disposition::Intercept => {
                let shared = Arc::clone(shared);
                intercept::serve_client(shared, (authority, None), (stream, early), permit).await;
            }
            Disposition::Tunnel if is_name && http::is_request(&early) => {
                http::serve(shared, &authority, (stream, early)).await;
            }
            Disposition::Tunnel => match shared.session.upstream.dial(&authority).await {
                Ok(upstream) => tunnel::relay_socket((stream, early), upstream).await,
                Err(refusal) => self.refuse(stream, &early, &authority, &refusal).await,
            },
        }
    }

    /// Closes a connection, in the word that TLS has for it, and logs why.
    async fn refuse(
        &self,
        mut stream: ClientSocket,
        early: &[u8],
        authority: &Authority,
        refusal: &Refusal,
    ) {
        self.note(authority, refusal);
        if hello::is_tls(early) {
            let _ = stream.write_all(&hello::ACCESS_DENIED).await;
        }
        let _ = stream.shutdown().await;
    }

    fn note(&self, authority: &Authority, refusal: &Refusal) {
        let mut event = Event::new(refusal.kind())
            .request("CONNECT", &authority.to_string(), "")
            .because(refusal.to_string());
        event.rule = refusal.rule();
        self.shared.session.audit.record(&event);
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        answer(question, &self.names, |name| self.permits(name))
    }

    /// Whether a name may be connected to.
    fn permits(&self, name: &Authority) -> bool {
        if !Wall::NamePolicy.stands() {
            return true;
        }
        let session = &self.shared.session;
        let managed = session.routes.manages_host(name) || Shared::<S>::is_agent(name);
        session.policy.admits_name(name, managed)
    }
}

/// What the client sends first: all of a `ClientHello`, or whatever else there is. Nothing, if it
/// waits for the server, as clients of SSH, SMTP and databases do.
async fn first_bytes(stream: &mut ClientSocket) -> Bytes {
    let mut first = BytesMut::with_capacity(DEFAULT_READ);
    let reading = async {
        while let Ok(1..) = stream.read_buf(&mut first).await {
            if first.len() >= MAX_HELLO || !hello::is_partial(&first) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(FIRST_BYTES_WAIT, reading).await;
    first.freeze()
}
