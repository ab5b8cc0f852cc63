//! A client's connection to the proxy itself.

use std::pin::pin;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::connect;
use super::request_line;
use super::shared::Shared;
use crate::connection::CredentialSource;
use crate::proxy::admission::admit::{Client, Recognition};
use crate::proxy::admission::permit::Permit;
use crate::proxy::io::activity::Activity;
use crate::proxy::io::socket::{ClientSocket, Peer};
use crate::proxy::io::watched::Watched;
use crate::proxy::limits::{HEAD_TIMEOUT, IDLE_TIMEOUT, MAX_HEAD};

/// Serves it to its end.
pub(super) async fn serve<S: CredentialSource>(
    mut stream: ClientSocket,
    client: Arc<Client>,
    shared: Arc<Shared<S>>,
    permit: Permit,
) {
    let service = service_fn(|request| {
        let (shared, client) = (Arc::clone(&shared), Arc::clone(&client));
        connect::handle(shared, client, Arc::clone(&permit), request)
    });
    let first = request_line::first_bytes(&mut stream).await;
    let activity = Activity::new();
    let watched = Watched::new(stream, first, activity.clone());
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .preserve_header_case(false)
        .serve_connection(TokioIo::new(watched), service)
        .with_upgrades();
    // A client that breaks its connection off is not reported.
    activity.unless_idle(IDLE_TIMEOUT, pin!(connection)).await;
}

/// The same for a client of an isolated command, whose network nobody else is in.
pub(super) async fn serve_isolated<S: CredentialSource>(
    stream: ClientSocket,
    shared: Arc<Shared<S>>,
    permit: Permit,
) {
    let peer = Peer::User { is_this_user: true };
    if let Recognition::Client(client) = shared.admission.recognize(&stream, peer) {
        serve(stream, Arc::new(client), shared, permit).await;
    }
}
