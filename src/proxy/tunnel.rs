//! Bytes both ways, without a look inside.

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;

use super::limits::IDLE_TIMEOUT;
use super::stream::{Activity, Watched};

/// Relays a client's tunnel until both sides have ended, one breaks off, or nothing moves any more.
pub(super) async fn relay<T: AsyncRead + AsyncWrite + Unpin>(client: Upgraded, mut upstream: T) {
    let activity = Activity::new();
    let outcome = match unwrap(client) {
        Ok((stream, early)) => {
            let mut stream = Watched::new(stream, early, activity.clone());
            activity
                .unless_idle(IDLE_TIMEOUT, copy_bidirectional(&mut stream, &mut upstream))
                .await
        }
        Err(upgraded) => {
            let mut stream = Watched::new(TokioIo::new(upgraded), Bytes::new(), activity.clone());
            activity
                .unless_idle(IDLE_TIMEOUT, copy_bidirectional(&mut stream, &mut upstream))
                .await
        }
    };
    drop(outcome); // whichever way it ended, both sides are closed now
}

/// The socket itself, and what hyper has read of it already: without its wrappers each byte takes a shorter way.
pub(super) fn unwrap(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<Watched<TcpStream>>>()?;
    let (stream, _) = parts.io.into_inner().into_parts();
    Ok((stream, parts.read_buf))
}
