//! A client's socket, and who is at its other end.

use std::net::SocketAddr;

use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

/// The socket of a client: of a TCP connection, or of one by a path.
pub(in crate::proxy) type ClientSocket = Either<TcpStream, UnixStream>;

/// Who is at the other end of a new connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) enum Peer {
    /// A client at that address.
    Address(SocketAddr),
    /// A client on the Unix socket.
    User {
        /// Its process is one of the user who runs authsome.
        is_this_user: bool,
    },
}
