//! The inside of a managed tunnel: TLS ended with a leaf for the tunnel's host, HTTP/1.1 and HTTP/2 served.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::body::{ClientBody, ResponseBody};
use super::exchange::{self, Place};
use super::http1;
use super::limits::{
    CONNECTION_WINDOW, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, LARGEST_HEADER_LIST, MOST_STREAMS,
    SEND_BUFFER, STREAM_WINDOW, USUAL_READ,
};
use super::listener::Permit;
use super::session::Session;
use super::stream::{Activity, Watched};
use super::target::Authority;
use super::tunnel;
use super::upgrade::ClientUpgrade;
use crate::audit::{Event, Kind};
use crate::connection::CredentialSource;

/// The first byte of a TLS record with a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// A client's end of an intercepted connection.
pub(super) type ClientStream = TlsStream<Watched<TcpStream>>;

/// Serves a managed tunnel to its end.
pub(super) async fn serve<S: CredentialSource>(
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
    // How a client leaves is its own affair.
    if http2 {
        let service = service_fn(|request| answer(Arc::clone(&session), place.clone(), request));
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_header_list_size(LARGEST_HEADER_LIST)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    } else {
        http1::serve(stream, |request, upgrade| {
            let upgrade = upgrade.map(|client| ClientUpgrade::Http1(client, Arc::clone(&permit)));
            let request = request.map(ClientBody::Http1);
            exchange::handle(&session, &place, request, upgrade)
        })
        .await;
    }
}

async fn answer<S: CredentialSource>(
    session: Arc<Session<S>>,
    place: Arc<Place>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    // An HTTP/2 stream cannot change its protocol.
    let request = request.map(ClientBody::Hyper);
    Ok(exchange::handle(&session, &place, request, None).await)
}

fn note<S>(session: &Session<S>, authority: &Authority, reason: &str) {
    session.audit.record(
        &Event::new(Kind::Failed)
            .request("CONNECT", &authority.to_string(), "")
            .because(reason),
    );
}
