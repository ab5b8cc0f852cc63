//! The inside of a managed tunnel: TLS ended with a leaf for the tunnel's host, HTTP/1.1 and HTTP/2 served.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::tunnel;
use crate::audit::{Event, Kind};
use crate::authority::Authority;
use crate::connection::CredentialSource;
use crate::proxy::admission::admit::Permit;
use crate::proxy::body::client::ClientBody;
use crate::proxy::exchange;
use crate::proxy::exchange::place::Place;
use crate::proxy::exchange::session::Session;
use crate::proxy::exchange::upgrade::ClientUpgrade;
use crate::proxy::http1;
use crate::proxy::http2;
use crate::proxy::io::stream::{Activity, ClientStream, Watched};
use crate::proxy::limits::{HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, USUAL_READ};

/// The first byte of a TLS record with a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves a managed tunnel to its end.
pub(in crate::proxy) async fn serve<S: CredentialSource>(
    session: Arc<Session<S>>,
    authority: Authority,
    client: Upgraded,
    permit: Permit,
) {
    let Ok((stream, early)) = tunnel::unwrap(client) else {
        return;
    };
    let activity = Activity::new();
    let accepted = tokio::time::timeout(
        HANDSHAKE_TIMEOUT,
        accept(&session, &authority, stream, early, &activity),
    )
    .await;
    match accepted {
        Ok(Ok(stream)) => {
            // In a box: the task around it is moved a few times until it stands.
            let mut speaking = Box::pin(speak(session, authority, stream, permit));
            activity.unless_idle(IDLE_TIMEOUT, speaking.as_mut()).await;
        }
        Ok(Err(reason)) => note(&session, &authority, &reason),
        Err(_) => note(&session, &authority, "no TLS handshake in time"),
    }
}

async fn accept<S>(
    session: &Session<S>,
    authority: &Authority,
    mut stream: TcpStream,
    mut early: Bytes,
    activity: &Activity,
) -> Result<ClientStream, String> {
    if early.is_empty() {
        let mut first = BytesMut::with_capacity(USUAL_READ);
        let read = stream.read_buf(&mut first).await;
        if read.map_err(|error| error.to_string())? == 0 {
            return Err("closed before anything was sent".to_owned());
        }
        early = first.freeze();
    }
    if early.first() != Some(&TLS_HANDSHAKE) {
        return Err("not TLS; a managed host is served over TLS only".to_owned());
    }
    let config = session
        .server_config(authority.host())
        .map_err(|error| error.to_string())?;
    let stream = Watched::new(stream, early, activity.clone());
    TlsAcceptor::from(config)
        .accept(stream)
        .await
        .map_err(|error| format!("the client ended the TLS handshake: {error}"))
}

async fn speak<S: CredentialSource>(
    session: Arc<Session<S>>,
    authority: Authority,
    stream: ClientStream,
    permit: Permit,
) {
    let (_, tls) = stream.get_ref();
    let http2 = tls.alpn_protocol() == Some(b"h2");
    let Some(place) = Place::of_tunnel(
        authority,
        tls.server_name(),
        &session.routes,
        &session.upstream,
        &session.audit,
    ) else {
        return;
    };
    if http2 {
        let malformed = || {
            let reason = "a stream was reset with PROTOCOL_ERROR: its request is malformed (a raw <, > or \" in its URL is, in HTTP/2), or the provider reset it so";
            note(&session, &place.authority, reason);
        };
        // An HTTP/2 stream cannot change its protocol.
        http2::serve(stream, permit, malformed, |request, interim| {
            let (session, place) = (Arc::clone(&session), Arc::clone(&place));
            async move { exchange::handle(&session, &place, request, None, interim).await }
        })
        .await;
    } else {
        http1::serve(stream, |request, upgrade, interim| {
            let upgrade = upgrade.map(|client| ClientUpgrade::Http1(client, Arc::clone(&permit)));
            let request = request.map(ClientBody::Http1);
            exchange::handle(&session, &place, request, upgrade, interim)
        })
        .await;
    }
}

fn note<S>(session: &Session<S>, authority: &Authority, reason: &str) {
    session.audit.record(
        &Event::new(Kind::Failed)
            .request("CONNECT", &authority.to_string(), "")
            .because(reason),
    );
}
