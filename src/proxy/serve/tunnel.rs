//! A blind tunnel: bytes both ways, without inspection.

use std::pin::pin;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::net::dial::{Dialed, Link};
use crate::proxy::io::activity::Activity;
use crate::proxy::io::relay::Relay;
use crate::proxy::io::socket::ClientSocket;
use crate::proxy::io::watched::Watched;
use crate::proxy::limits::IDLE_TIMEOUT;

/// Relays a client's tunnel until both sides have ended, one breaks off, or nothing has moved for
/// [`IDLE_TIMEOUT`].
pub(in crate::proxy) async fn relay(client: Upgraded, upstream: Dialed) {
    let Dialed { link, early } = upstream;
    match link {
        Link::Tcp(stream) => relay_client(client, stream, &early).await,
        Link::Tls(stream) => relay_client(client, stream, &early).await,
    }
}

/// The same for a client's socket, and what it has sent already.
pub(super) async fn relay_socket((client, sent): (ClientSocket, Bytes), upstream: Dialed) {
    let Dialed { link, early } = upstream;
    match link {
        Link::Tcp(stream) => between(client, sent, stream, &early).await,
        Link::Tls(stream) => between(client, sent, stream, &early).await,
    }
}

async fn relay_client<T: AsyncRead + AsyncWrite + Unpin>(
    client: Upgraded,
    upstream: T,
    greeting: &[u8],
) {
    match unwrap(client) {
        Ok((stream, early)) => between(stream, early, upstream, greeting).await,
        Err(upgraded) => {
            between(TokioIo::new(upgraded), Bytes::new(), upstream, greeting).await;
        }
    }
}

/// `early` is what the client has sent already, `greeting` what the host has sent.
pub(super) async fn between<C, U>(client: C, early: Bytes, mut upstream: U, greeting: &[u8])
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let activity = Activity::new();
    let mut client = Watched::new(client, early, activity.clone());
    let relaying = async {
        if client.write_all(greeting).await.is_ok() {
            Relay::default().run(&mut client, &mut upstream).await;
        }
    };
    // However it ends, both sides are closed after it.
    activity.unless_idle(IDLE_TIMEOUT, pin!(relaying)).await;
}

/// The socket itself, and what hyper has already read from it. Without hyper's wrappers, each byte
/// costs less.
pub(in crate::proxy) fn unwrap(upgraded: Upgraded) -> Result<(ClientSocket, Bytes), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<Watched<ClientSocket>>>()?;
    let (stream, _) = parts.io.into_inner().into_parts();
    Ok((stream, parts.read_buf))
}
