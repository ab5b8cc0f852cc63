//! Requests a second, how long they take, and what CPU time each costs the proxy.

use super::bench::Bench;
use crate::failure::Failure;
use crate::report::Figure;
use crate::report::float;
use crate::system::Entrant;
use crate::wire::{Sample, Work};

/// HTTP/1.1 clients at one time.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// HTTP/2 connections, and the streams on each.
const MULTIPLEXED: (usize, usize) = (4, 16);

/// Clients at one time that open a connection for each request, for CPU time.
const FRESH_AT_ONCE: usize = 8;

pub(super) fn keep_alive(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let mut systems = bench.start(|_| true)?;
    for connections in CONNECTIONS {
        let work = Work::KeepAlive {
            connections,
            window: bench.window(),
        };
        let case = format!("HTTP/1.1, {connections} kept connection(s)");
        bench.take_turns(&mut systems, &case, &work, throughput)?;
    }
    Ok(())
}

pub(super) fn http2(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let (connections, streams) = MULTIPLEXED;
    let mut systems = bench.start(Entrant::speaks_http2)?;
    let work = Work::Multiplexed {
        connections,
        streams,
        window: bench.window(),
    };
    let case = format!("HTTP/2, {connections} connections x {streams} streams");
    bench.take_turns(&mut systems, &case, &work, throughput)
}

pub(super) fn new_connections(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let mut systems = bench.start(|_| true)?;
    for resume in [false, true] {
        for at_once in [1, FRESH_AT_ONCE] {
            let work = Work::Fresh {
                at_once,
                resume,
                window: bench.window(),
            };
            let kind = if resume { "resumed" } else { "full handshake" };
            let case = format!("a new connection each request, {kind}, {at_once} at a time");
            bench.take_turns(&mut systems, &case, &work, |sample| {
                let mut figures = throughput(sample);
                figures.push(Figure::new(
                    "resumed %",
                    100.0 * float(sample.resumed) / float(sample.requests),
                ));
                figures
            })?;
        }
    }
    Ok(())
}

fn throughput(sample: &Sample) -> Vec<Figure> {
    let requests = float(sample.requests);
    vec![
        Figure::new("cpu us/req", sample.cpu_seconds * 1e6 / requests),
        Figure::new("req/s", requests / sample.seconds),
        Figure::new("p50 us", sample.p50),
        Figure::new("p99 us", sample.p99),
        Figure::new("p999 us", sample.p999),
        Figure::new("cpu share", sample.cpu_seconds / sample.seconds),
    ]
}
