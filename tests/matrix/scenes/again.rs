//! What a server says it has not begun is sent again, whatever the method (RFC 9113 §6.8, §8.7),
//! and a connection that has ended while it was idle costs nobody a response.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ask::{self, Http2, Response};
use super::frames::{Plan, server};
use super::{Told, script};
use crate::Bench;
use crate::cell::ServerKind;
use crate::server::ServerStream;

pub(super) async fn goaway_at_once_get(bench: Arc<Bench>) -> Told {
    streams(&bench, Plan::NoneAtFirst, 60, Method::GET).await
}

pub(super) async fn goaway_at_once_post(bench: Arc<Bench>) -> Told {
    streams(&bench, Plan::NoneAtFirst, 60, Method::POST).await
}

pub(super) async fn goaway_often_get(bench: Arc<Bench>) -> Told {
    streams(&bench, Plan::Most(20), 200, Method::GET).await
}

pub(super) async fn goaway_often_post(bench: Arc<Bench>) -> Told {
    streams(&bench, Plan::Most(20), 200, Method::POST).await
}

pub(super) async fn refused_get(bench: Arc<Bench>) -> Told {
    streams(&bench, Plan::RefusesEvery(7), 60, Method::GET).await
}

pub(super) async fn refused_post(bench: Arc<Bench>) -> Told {
    streams(&bench, Plan::RefusesEvery(7), 60, Method::POST).await
}

/// All are answered, and the server has answered none twice.
async fn streams(bench: &Bench, plan: Plan, requests: usize, method: Method) -> Told {
    let (script, count) = server(plan);
    let place = bench.server.scripted(ServerKind::H2, script).await;
    let body = body(&method);
    let responses = ask::together(&place, &bench.session.proxied, requests, &method, &body).await?;
    let told = format!(
        "{} connections, {} answered",
        count.connections(),
        count.answered()
    );
    verdict(&responses, told, count.answered() == requests)
}

/// A body that is kept for a repetition.
fn body(method: &Method) -> Bytes {
    if *method == Method::POST {
        Bytes::from_static(&[b'x'; 10_000])
    } else {
        Bytes::new()
    }
}

fn verdict(responses: &[Result<Response, String>], told: String, is_exact: bool) -> Told {
    let failures = ask::failures(responses);
    if failures.is_empty() && is_exact {
        Ok(told)
    } else {
        Err(format!(
            "of {} requests: {failures} ({told})",
            responses.len()
        ))
    }
}

/// Two hundred requests at one time, as a client's first ones, share a connection, or need a few.
pub(super) async fn first_requests(bench: Arc<Bench>) -> Told {
    let (script, count) = server(Plan::All);
    let place = bench.server.scripted(ServerKind::H2, script).await;
    let responses = ask::together(
        &place,
        &bench.session.proxied,
        200,
        &Method::GET,
        &Bytes::new(),
    )
    .await?;
    let told = format!("{} connections", count.connections());
    verdict(&responses, told, count.connections() <= A_FEW)
}

pub(super) async fn idle_ends_h1_to_h1(bench: Arc<Bench>) -> Told {
    idle_ends(&bench, ServerKind::H1, false).await
}

pub(super) async fn idle_ends_h2_to_h1(bench: Arc<Bench>) -> Told {
    idle_ends(&bench, ServerKind::H1, true).await
}

pub(super) async fn idle_ends_h2_to_h2(bench: Arc<Bench>) -> Told {
    idle_ends(&bench, ServerKind::H2, true).await
}

/// POSTs, each on a new connection of its client, at moments that meet the end of an idle
/// connection upstream.
async fn idle_ends(bench: &Bench, kind: ServerKind, http2: bool) -> Told {
    let served = Arc::new(AtomicUsize::new(0));
    let (script, count) = match kind {
        ServerKind::H2 => {
            let (script, count) = server(Plan::EndsIdle(IDLE));
            (script, Some(count))
        }
        ServerKind::H1 => {
            let served = Arc::clone(&served);
            let script = script(move |stream| serve_until_idle(stream, Arc::clone(&served)));
            (script, None)
        }
    };
    let place = bench.server.scripted(kind, script).await;
    let way = &bench.session.proxied;
    let mut responses = Vec::new();
    for time in 0..POSTS {
        responses.push(if http2 {
            let client = Http2::open(&place, way).await?;
            client.ask(&place, Method::POST, Bytes::from_static(b"hello")).await
        } else {
            let head = format!("POST /api/scene HTTP/1.1\r\nhost: {}\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello", place.authority());
            let bytes = ask::http1(&place, way, head.as_bytes(), false).await;
            bytes.map(|bytes| parse(&bytes))
        });
        // Around the moment at which the connection ends, from before it to behind it.
        tokio::time::sleep(Duration::from_micros(60 * (time % 100))).await;
    }
    let served = count.map_or_else(|| served.load(Ordering::Relaxed), |count| count.answered());
    verdict(
        &responses,
        format!("{served} answered"),
        served == responses.len(),
    )
}

/// Answers over HTTP/1.1, and closes the connection when nothing has come for a while.
async fn serve_until_idle(mut stream: ServerStream, served: Arc<AtomicUsize>) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let limit = if served.load(Ordering::Relaxed) == 0 {
            LONG
        } else {
            IDLE
        };
        match tokio::time::timeout(limit, stream.read(&mut buffer)).await {
            Ok(Ok(read)) if read > 0 => {
                seen.extend_from_slice(buffer.get(..read).unwrap_or_default());
            }
            _ => return drop(stream.shutdown().await),
        }
        // The body may come in chunks.
        if seen.ends_with(b"hello") || seen.ends_with(b"0\r\n\r\n") {
            seen.clear();
            served.fetch_add(1, Ordering::Relaxed);
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(response).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Response {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let ours = head
        .lines()
        .find_map(|line| line.strip_prefix("authsome-error: "));
    Response {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_default(),
        ours: ours.map(str::to_owned),
        body: body.as_bytes().to_vec(),
    }
}

/// POSTs of one scene.
const POSTS: u64 = 300;

/// How long a connection may be idle before its server ends it.
const IDLE: Duration = Duration::from_millis(5);

/// Before the first request.
const LONG: Duration = Duration::from_secs(20);

/// One, and another where the first was not there in time.
const A_FEW: usize = 3;
