//! Loads that last for a window.

use std::rc::Rc;
use std::time::Instant;

use rustls::HandshakeKind;
use tokio::io::AsyncWriteExt;
use tokio::task::{JoinHandle, spawn_local};

use super::dial::{Dialer, Resumption};
use super::http1::Http1;
use super::http2::Http2;
use super::tally::Tally;
use crate::failure::Failure;
use crate::wire::{Protocol, Sample, Watch, Window};

/// What is asked for in a request of a load.
const BYTES: u64 = 1024;

pub(super) async fn keep_alive(
    dialer: &Rc<Dialer>,
    connections: usize,
    window: Window,
    watch: Watch,
) -> Result<Sample, Failure> {
    // All of them first: a handshake in the window would be counted as a request's work.
    let mut clients = Vec::new();
    for _ in 0..connections {
        let mut client = Http1::new(dialer.tls(Protocol::Http1, Resumption::Off).await?);
        client.exchange(&dialer.get(BYTES)).await?;
        clients.push(client);
    }
    let tally = Rc::new(Tally::default());
    let clients = clients.into_iter().map(|mut client| {
        let (request, tally) = (dialer.get(BYTES), Rc::clone(&tally));
        until_over(&Rc::clone(&tally), async move {
            while !tally.is_over() {
                let started = Instant::now();
                client.exchange(&request).await?;
                tally.count(started);
            }
            Ok(())
        })
    });
    finish(&tally, clients.collect(), window, watch).await
}

pub(super) async fn multiplexed(
    dialer: &Rc<Dialer>,
    connections: usize,
    streams: usize,
    window: Window,
    watch: Watch,
) -> Result<Sample, Failure> {
    let tally = Rc::new(Tally::default());
    let mut clients = Vec::new();
    for _ in 0..connections {
        let mut connection = Http2::connect(dialer).await?;
        connection.exchange().await?;
        for _ in 0..streams {
            let (mut stream, tally) = (connection.clone(), Rc::clone(&tally));
            clients.push(until_over(&Rc::clone(&tally), async move {
                while !tally.is_over() {
                    let started = Instant::now();
                    stream.exchange().await?;
                    tally.count(started);
                }
                Ok(())
            }));
        }
    }
    finish(&tally, clients, window, watch).await
}

pub(super) async fn fresh(
    dialer: &Rc<Dialer>,
    at_once: usize,
    resume: bool,
    window: Window,
    watch: Watch,
) -> Result<Sample, Failure> {
    let tally = Rc::new(Tally::default());
    let resumption = if resume {
        Resumption::On
    } else {
        Resumption::Off
    };
    let clients = (0..at_once).map(|_| {
        let (dialer, tally) = (Rc::clone(dialer), Rc::clone(&tally));
        until_over(&Rc::clone(&tally), async move {
            let request = dialer.get(BYTES);
            while !tally.is_over() {
                let started = Instant::now();
                let mut client = Http1::new(dialer.tls(Protocol::Http1, resumption).await?);
                client.exchange(&request).await?;
                tally.count(started);
                if client.stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                    tally.count_resumed();
                }
                // As a client that ends its connection in order.
                let _ = client.stream.shutdown().await;
            }
            Ok(())
        })
    });
    finish(&tally, clients.collect(), window, watch).await
}

/// Runs a client whose failure is the load's.
fn until_over(
    tally: &Rc<Tally>,
    client: impl Future<Output = Result<(), Failure>> + 'static,
) -> JoinHandle<()> {
    let tally = Rc::clone(tally);
    spawn_local(async move {
        if let Err(failure) = client.await {
            tally.fail(&failure);
        }
    })
}

async fn finish(
    tally: &Rc<Tally>,
    clients: Vec<JoinHandle<()>>,
    window: Window,
    watch: Watch,
) -> Result<Sample, Failure> {
    let sample = tally.measure(window, watch).await;
    for client in clients {
        client.await?;
    }
    sample
}
