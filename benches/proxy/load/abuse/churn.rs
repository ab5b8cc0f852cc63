//! Connections that come and go; and, to compare with, some that stay.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::super::dial::{Dialer, Resumption, Stream, tunnel_stands};
use super::super::http1::Http1;
use super::tally::{Outcome, Tally, response};
use crate::failure::Failure;
use crate::wire::{MANAGED, Protocol};

/// Connections at one time.
const AT_ONCE: usize = 8;

/// How long one may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The head of a TLS record, as long as a hello, that the rest never follows.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc";

/// So many connections, one after the other on each of a few workers: a quarter are closed at once,
/// a quarter after CONNECT, a quarter within the TLS handshake, and a quarter after a request.
pub(super) async fn come_and_go(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    let left = Rc::new(Cell::new(connections));
    let workers = (0..AT_ONCE).map(|_| {
        let (dialer, tally, left) = (Rc::clone(&dialer), Rc::clone(&tally), Rc::clone(&left));
        spawn_local(async move {
            while let Some(index) = left.get().checked_sub(1) {
                left.set(index);
                tally.attempt();
                match timeout(TIMEOUT, one(&dialer, index % 4)).await {
                    Ok(Ok(outcome)) => tally.count(outcome),
                    Ok(Err(_)) => tally.count(Outcome::Broken),
                    Err(_) => {} // it still waits for a response
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    tally.stands();
    for worker in workers {
        let _ = worker.await; // one that has panicked has said so
    }
}

/// One connection that goes as far as that; `Served` where it was let.
async fn one(dialer: &Dialer, depth: usize) -> Result<Outcome, Failure> {
    if depth == 3 {
        let mut stream = dialer.tls(Protocol::Http1, Resumption::Off).await?;
        stream.write_all(&dialer.get(1024)).await?;
        return Ok(response(&mut stream).await);
    }
    let mut stream = dialer.bare().await?;
    if depth > 0 {
        stream.write_all(&dialer.connect_head(MANAGED, "")).await?;
        tunnel_stands(&mut stream).await?;
    }
    if depth > 1 {
        stream.write_all(HALF_HELLO).await?;
    }
    Ok(Outcome::Served)
}

/// GET after GET on each of so many connections.
pub(super) async fn busy(dialer: Rc<Dialer>, tally: Rc<Tally>, connections: usize) {
    let mut clients = Vec::new();
    for _ in 0..connections {
        match dialer.tls(Protocol::Http1, Resumption::Off).await {
            Ok(stream) => clients.push(Http1::new(stream)),
            Err(_) => tally.count(Outcome::Broken),
        }
    }
    for client in clients {
        let (request, tally) = (dialer.get(1024), Rc::clone(&tally));
        spawn_local(keep_on(client, request, tally));
    }
    tally.stands();
    pending::<()>().await;
}

async fn keep_on(mut client: Http1<Stream>, request: Vec<u8>, tally: Rc<Tally>) {
    loop {
        tally.attempt();
        match client.exchange(&request).await {
            Ok(()) => tally.count(Outcome::Served),
            Err(_) => return tally.count(Outcome::Broken),
        }
    }
}
