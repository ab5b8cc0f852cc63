//! The listener's connections and requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::access::{Exchanged, is_from, is_to};
use super::responses::{self, Body, refused};
use super::shared::Shared;
use super::stream::Stream;
use crate::session::control::{ControlClient, ControlClientError};

/// A client that takes longer than this to send its fields is disconnected.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// How many connections are open at one time.
const MAX_CONNECTIONS: usize = 64;

/// The largest request, in bytes.
const MAX_REQUEST: usize = 64 * 1024;

/// How long nothing is accepted after that has failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a page that only reads may ask of a run.
const READING: [&str; 2] = ["state", "waiting"];

/// Accepts connections until the page is closed. They end with this task.
pub(super) async fn accept(tcp: TcpListener, shared: Arc<Shared>) {
    let open = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, peer)) = tcp.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if let Ok(permit) = Arc::clone(&open).try_acquire_owned() {
            let shared = Arc::clone(&shared);
            connections.spawn(async move {
                serve(stream, peer, shared).await;
                drop(permit);
            });
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let admitted = shared.visitors.admit(&stream, peer, &shared.home).await;
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move {
            Ok::<_, Infallible>(match admitted {
                Ok(()) => respond(request, &shared).await,
                Err(why) => refused(StatusCode::FORBIDDEN, "refused", why),
            })
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .keep_alive(admitted.is_ok())
        .max_buf_size(32 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let _ = connection.await; // an error matters only to the browser
}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let headers = request.headers();
    if !is_to(&shared.host, headers) {
        let message = "this address is for the page of authsome only";
        return refused(StatusCode::MISDIRECTED_REQUEST, "misdirected", message);
    }
    let is_change = request.method() != Method::GET;
    if !is_from(&shared.origin, headers, is_change) {
        let message = "another site has made the browser ask this";
        return refused(StatusCode::FORBIDDEN, "cross_site", message);
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => return responses::page(&shared.page),
        (&Method::POST, "/session") => return exchange(request, shared).await,
        (&Method::GET, "/events") | (&Method::POST, "/do") => {}
        _ => return refused(StatusCode::NOT_FOUND, "not_found", "nothing is here"),
    }
    if !shared.access.is_open_to(headers) {
        let message = "this page is closed: open a new one";
        return refused(StatusCode::UNAUTHORIZED, "no_session", message);
    }
    if request.method() == Method::GET {
        return responses::lines(Stream::of(&shared.home, Some(&shared.notices)));
    }
    match body(request).await {
        Some(asked) => act(asked, shared).await,
        None => malformed(),
    }
}

/// Takes the token of the address for a session.
async fn exchange(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let Some(asked) = body(request).await else {
        return malformed();
    };
    match shared
        .access
        .exchange(asked["token"].as_str().unwrap_or_default())
    {
        Exchanged::Session(session) => responses::json(
            StatusCode::OK,
            &json!({ "session": session.expose(), "read_only": shared.is_read_only }),
        ),
        Exchanged::Stolen => {
            shared.actions.was_stolen();
            let message = "the address of this page was used before: the page is closed";
            refused(StatusCode::FORBIDDEN, "used_before", message)
        }
        Exchanged::Wrong => {
            let message = "this address is of a page that has ended";
            refused(StatusCode::FORBIDDEN, "wrong_token", message)
        }
    }
}

async fn body(request: Request<Incoming>) -> Option<Value> {
    let limited = Limited::new(request.into_body(), MAX_REQUEST);
    let read = tokio::time::timeout(READ_TIMEOUT, limited.collect()).await;
    let bytes = read.ok()?.ok()?.to_bytes();
    serde_json::from_slice::<Value>(&bytes)
        .ok()
        .filter(Value::is_object)
}

/// Does what the page asks for: of a run, or of whoever has the vault.
async fn act(asked: Value, shared: &Shared) -> Response<Body> {
    let name = asked["do"].as_str().unwrap_or_default().to_owned();
    if name == "run" {
        return of_run(&asked, shared).await;
    }
    if shared.is_read_only && !shared.actions.only_reads(&name) {
        return read_only();
    }
    let actions = Arc::clone(&shared.actions);
    let done = tokio::task::spawn_blocking(move || actions.act(&name, &asked)).await;
    match done {
        Ok(Ok(value)) => responses::json(StatusCode::OK, &value),
        Ok(Err(error)) => responses::json(StatusCode::UNPROCESSABLE_ENTITY, &error),
        Err(_) => refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "unexpected",
            "it ended at a fault of authsome",
        ),
    }
}

/// Asks a run on its socket.
async fn of_run(asked: &Value, shared: &Shared) -> Response<Body> {
    let (run, ask) = (asked["run"].as_str().unwrap_or_default(), &asked["ask"]);
    let verb = ask["do"].as_str().unwrap_or_default();
    if shared.is_read_only && !READING.contains(&verb) {
        return read_only();
    }
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if run.is_empty() || !run.bytes().all(is_id) || verb == "watch" {
        return malformed();
    }
    match ControlClient::call(&shared.home, run, ask).await {
        Ok(value) => responses::json(StatusCode::OK, &value),
        Err(ControlClientError::Refused { code, message }) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, &code, &message)
        }
        Err(error) => {
            let message = crate::text::with_causes(&error);
            refused(
                StatusCode::UNPROCESSABLE_ENTITY,
                "run_unreachable",
                &message,
            )
        }
    }
}

fn read_only() -> Response<Body> {
    let message = "this page only reads: it was opened with --read-only";
    refused(StatusCode::FORBIDDEN, "read_only", message)
}

fn malformed() -> Response<Body> {
    let message = "a request is a JSON object of at most 64 KiB";
    refused(StatusCode::BAD_REQUEST, "malformed", message)
}
