//! The listener's connections: each one is served, or told why it is refused.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::accept_limits::Visitor;
use super::requests::{READ_TIMEOUT, respond};
use super::responses::plain;
use super::shared::{Arrival, Shared};

/// How long it may take to tell a stranger the reason for the refusal.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn accept(tcp: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, peer)) = tcp.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // no descriptor left: wait for one
            continue;
        };
        match shared.accept_limits.recognize(&stream, peer) {
            Ok(visitor) => drop(tokio::spawn(serve(stream, visitor, Arc::clone(&shared)))),
            Err(of_another_user) => {
                if shared.accept_limits.is_news(of_another_user) {
                    // If the channel is full, this one is dropped: the login then has enough to
                    // report.
                    let _ = shared
                        .arrivals
                        .try_send(Arrival::Stranger { of_another_user });
                }
                tokio::spawn(turn_away(stream, Arc::clone(&shared)));
            }
        }
    }
}

async fn serve(stream: TcpStream, visitor: Visitor, shared: Arc<Shared>) {
    let Ok(_permit) = shared.accept_limits.open.try_acquire() else {
        return;
    };
    let service = service_fn(|request| respond(request, visitor, Arc::clone(&shared)));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(32 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await; // an error matters only to the browser
}

/// Responds to the first request, whatever it is, with the reason, and closes the connection.
async fn turn_away(stream: TcpStream, shared: Arc<Shared>) {
    let Ok(_place) = shared.accept_limits.strangers.try_acquire() else {
        return;
    };
    let refusal = "authsome: this login is another user's of this machine. If it is yours, paste the address of this page at its terminal.";
    let service = service_fn(async |_| Ok::<_, Infallible>(plain(StatusCode::FORBIDDEN, refusal)));
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(32 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(STRANGER_TIMEOUT, connection).await;
}
