//! The inside of a managed tunnel: TLS is terminated with a leaf certificate for the tunnel's host,
//! and HTTP/1.1 or HTTP/2 is served.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use hyper::upgrade::Upgraded;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;

use super::shared::Shared;
use super::tunnel;
use crate::audit::{Event, Kind};
use crate::authority::Authority;
use crate::connection::CredentialSource;
use crate::proxy::admission::permit::Permit;
use crate::proxy::body::client::ClientBody;
use crate::proxy::exchange;
use crate::proxy::exchange::agent;
use crate::proxy::exchange::place::Place;
use crate::proxy::exchange::respond;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::exchange::session::Session;
use crate::proxy::exchange::upgrade::ClientUpgrade;
use crate::proxy::http1::{self, MalformedHead};
use crate::proxy::http2;
use crate::proxy::io::activity::Activity;
use crate::proxy::io::socket::ClientSocket;
use crate::proxy::io::watched::{ClientStream, Watched};
use crate::proxy::limits::{DEFAULT_READ, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT};
use crate::proxy::refusal::Refusal;

/// The first byte of a TLS record with a handshake message (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves a managed tunnel to its end.
pub(in crate::proxy) async fn serve<S: CredentialSource>(
    shared: Arc<Shared<S>>,
    (authority, socket): (Authority, Option<u32>),
    client: Upgraded,
    permit: Permit,
) {
    if let Ok(client) = tunnel::unwrap(client) {
        serve_client(shared, (authority, socket), client, permit).await;
    }
}

/// The same for a client's socket, and what it has sent already.
pub(super) async fn serve_client<S: CredentialSource>(
    shared: Arc<Shared<S>>,
    (authority, socket): (Authority, Option<u32>),
    (stream, early): (ClientSocket, Bytes),
    permit: Permit,
) {
    let activity = Activity::new();
    let accepted = tokio::time::timeout(
        HANDSHAKE_TIMEOUT,
        accept(&shared, &authority, stream, early, &activity),
    )
    .await;
    match accepted {
        Ok(Ok(stream)) => {
            // Boxed, as the future around it is moved a few times before it runs.
            let mut speaking = Box::pin(speak(shared, (authority, socket), stream, permit));
            activity.unless_idle(IDLE_TIMEOUT, speaking.as_mut()).await;
        }
        Ok(Err(reason)) => note(&shared.session, &authority, &reason),
        Err(_) => note(&shared.session, &authority, "no TLS handshake in time"),
    }
}

async fn accept<S>(
    shared: &Shared<S>,
    authority: &Authority,
    mut stream: ClientSocket,
    mut early: Bytes,
    activity: &Activity,
) -> Result<ClientStream, String> {
    if early.is_empty() {
        let mut first = BytesMut::with_capacity(DEFAULT_READ);
        let read = stream.read_buf(&mut first).await;
        if read.map_err(|error| error.to_string())? == 0 {
            return Err("closed before anything was sent".to_owned());
        }
        early = first.freeze();
    }
    if early.first() != Some(&TLS_HANDSHAKE) {
        return Err("not TLS; a managed host is served over TLS only".to_owned());
    }
    let config = shared
        .tls
        .config(authority.host())
        .map_err(|error| error.to_string())?;
    let stream = Watched::new(stream, early, activity.clone());
    TlsAcceptor::from(config)
        .accept(stream)
        .await
        .map_err(|error| format!("the client ended the TLS handshake: {error}"))
}

async fn speak<S: CredentialSource>(
    shared: Arc<Shared<S>>,
    (authority, socket): (Authority, Option<u32>),
    stream: ClientStream,
    permit: Permit,
) {
    let (_, tls) = stream.get_ref();
    let http2 = tls.alpn_protocol() == Some(b"h2");
    let session = &shared.session;
    if Shared::<S>::is_agent(&authority) {
        return tell_agent(shared, stream, http2, permit).await;
    }
    let Some(place) = Place::of_tunnel(session, (authority, socket), tls.server_name()) else {
        return;
    };
    if http2 {
        let malformed = || {
            let reason = "a stream was reset with PROTOCOL_ERROR: its request is malformed (a raw <, > or \" in its URL is, in HTTP/2)";
            note(session, &place.authority, reason);
        };
        // No upgrade: HTTP/2 has none (RFC 9113 §8.6).
        http2::serve(stream, permit, malformed, |request, interim| {
            let (shared, place) = (Arc::clone(&shared), Arc::clone(&place));
            let request = request.map(ClientBody::Http2);
            async move { exchange::handle(&shared.session, &place, request, None, interim).await }
        })
        .await;
    } else {
        let respond = |request: Request<_>, upgrade: Option<_>, interim| {
            let upgrade = upgrade.map(|client| ClientUpgrade::Http1(client, Arc::clone(&permit)));
            let request = request.map(ClientBody::Http1);
            exchange::handle(session, &place, request, upgrade, interim)
        };
        http1::serve(stream, respond, refuse_head).await;
    }
}

/// The same for the host of the agent's API.
async fn tell_agent<S: CredentialSource>(
    shared: Arc<Shared<S>>,
    stream: ClientStream,
    http2: bool,
    permit: Permit,
) {
    if http2 {
        http2::serve(
            stream,
            permit,
            || (),
            |request, _| {
                let shared = Arc::clone(&shared);
                let request = request.map(ClientBody::Http2);
                async move { agent::respond(&shared.session, request).await }
            },
        )
        .await;
    } else {
        let respond = |request: Request<_>, _: Option<_>, _| {
            agent::respond(&shared.session, request.map(ClientBody::Http1))
        };
        http1::serve(stream, respond, refuse_head).await;
    }
}

/// The response to a request whose head cannot be read.
fn refuse_head(malformed: MalformedHead) -> Response<ResponseBody> {
    respond::from_refusal(&match malformed {
        MalformedHead::Malformed(reason) => Refusal::Malformed(reason),
        MalformedHead::TooLarge => Refusal::HeadTooLarge,
    })
}

fn note<S>(session: &Session<S>, authority: &Authority, reason: &str) {
    session.audit.record(
        &Event::new(Kind::Failed)
            .request("CONNECT", &authority.to_string(), "")
            .because(reason),
    );
}
