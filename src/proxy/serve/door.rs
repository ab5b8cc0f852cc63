//! Where clients come in: a TCP port, and a Unix socket if there is one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio_util::either::Either;

use crate::os::private_socket::{PrivateSocket, SocketError};
use crate::proxy::io::socket::{ClientSocket, Peer};

/// Where a proxy listens.
#[derive(Clone, Debug)]
pub struct Listen {
    /// An address and a port; port 0 is any that is free. On an address other than 127.0.0.1 every
    /// client needs the password.
    pub address: SocketAddr,
    /// A Unix socket beside it, by which clients of this user need no password: who may open it is
    /// decided by the file's mode, 0600.
    pub socket: Option<PathBuf>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            socket: None,
        }
    }
}

/// Why a proxy cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There is no socket at the path.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// What a proxy accepts clients from.
#[derive(Debug)]
pub(super) struct Door {
    tcp: TcpListener,
    unix: Option<PrivateSocket>,
}

impl Door {
    pub(super) async fn open(listen: &Listen) -> Result<Self, ListenError> {
        let address = listen.address;
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.map_err(|source| ListenError::Address { address, source })?;
        let socket = listen.socket.as_deref();
        let unix = socket.map(PrivateSocket::bind).transpose()?;
        Ok(Self { tcp, unix })
    }

    /// The TCP address.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next client.
    pub(super) async fn accept(&self) -> io::Result<(ClientSocket, Peer)> {
        let Some(unix) = &self.unix else {
            return accept_tcp(&self.tcp).await;
        };
        tokio::select! {
            accepted = accept_tcp(&self.tcp) => accepted,
            accepted = unix.accept() => {
                let (stream, is_this_user) = accepted?;
                Ok((Either::Right(stream), Peer::User { is_this_user }))
            }
        }
    }
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<(ClientSocket, Peer)> {
    let (stream, peer) = listener.accept().await?;
    // Without it, Nagle's algorithm and delayed acknowledgements add 40 ms to each new connection.
    let _ = stream.set_nodelay(true);
    Ok((Either::Left(stream), Peer::Address(peer)))
}
