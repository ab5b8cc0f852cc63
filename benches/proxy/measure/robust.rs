//! Whether an abuser takes more than its share: of the proxy's memory, and of what other clients
//! wait.

use std::thread;
use std::time::Duration;

use super::bench::Bench;
use crate::failure::Failure;
use crate::process::{peak_kib, resident_kib};
use crate::report::Figure;
use crate::report::float;
use crate::system::{Entrant, System};
use crate::wire::{Abuse, AbuseKind, Sample, Times, Window, Work};

/// Kind, connections, connections with `--quick`, and what the tables call it.
const ABUSES: [(AbuseKind, usize, usize, &str); 7] = [
    (AbuseKind::Busy, 16, 16, "(16 clients at full speed)"),
    (AbuseKind::SlowReaders, 64, 16, "slow readers, HTTP/1.1"),
    (AbuseKind::SlowStreams, 4, 2, "slow readers, HTTP/2"),
    (AbuseKind::SlowSenders, 2000, 100, "slow senders"),
    (AbuseKind::Resets, 4, 4, "rapid reset"),
    (AbuseKind::Bombs, 7, 7, "header bombs"),
    (AbuseKind::Churn, 100_000, 1000, "short connections"),
];

/// Rounds, where none are asked for: each is a start of the proxy and some twenty seconds.
const ROUNDS: usize = 3;

/// The tables.
const DIRECT: &str = "beside an abuser: clients of the origin itself";
const HTTP1: &str = "beside an abuser: clients of HTTP/1.1";
const HTTP2: &str = "beside an abuser: clients of HTTP/2";
const PROXY: &str = "beside an abuser: the proxy and the abuser";

pub(super) fn beside_abusers(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let quick = bench.options.quick;
    let rounds = match bench.options.rounds {
        Some(rounds) => rounds.max(1),
        None if quick => 1,
        None => ROUNDS,
    };
    for round in 0..rounds {
        for (kind, connections, few, label) in ABUSES {
            let connections = if quick { few } else { connections };
            let systems = bench.start(|entrant| entrant.name == Entrant::SUBJECT)?;
            for mut system in systems {
                let abuse = Abuse { kind, connections };
                one(bench, &mut system, abuse, label, round)?;
                system.end()?;
            }
        }
    }
    for case in [DIRECT, HTTP1, HTTP2, PROXY] {
        bench.report.show(case);
    }
    Ok(())
}

fn one(
    bench: &mut Bench<'_>,
    system: &mut System,
    abuse: Abuse,
    label: &str,
    round: usize,
) -> Result<(), Failure> {
    let proxy = system.proxy.ok_or("there is no proxy")?;
    let (window, settling) = times(bench.options.quick);
    let alone = system.perform(Work::Beside {
        abuse: None,
        window,
    })?;
    let before = resident_kib(proxy)?;
    let beside = system.perform(Work::Beside {
        abuse: Some(abuse),
        window,
    })?;
    let at_the_end = resident_kib(proxy)?;
    thread::sleep(settling);
    let memory = [before, peak_kib(proxy)?, at_the_end, resident_kib(proxy)?];
    for times in [&beside.direct, &beside.http1, &beside.http2] {
        if let Some(failure) = &times.failure {
            println!("beside {label}, a client met with: {failure}");
        }
    }
    let after = system.perform(Work::Beside {
        abuse: None,
        window,
    })?;
    let samples = [&alone, &beside, &after];
    for (case, figures) in [
        (DIRECT, waits(samples.map(|sample| &sample.direct))),
        (HTTP1, waits(samples.map(|sample| &sample.http1))),
        (HTTP2, waits(samples.map(|sample| &sample.http2))),
        (PROXY, costs(&beside, memory)),
    ] {
        bench.report.add(case, label, round, figures)?;
    }
    Ok(())
}

/// Of a measurement, and of what the proxy may take to give back what it held.
fn times(quick: bool) -> (Window, Duration) {
    let window = |length_ms| Window {
        warm_up_ms: length_ms / 10,
        length_ms,
    };
    if quick {
        (window(500), Duration::from_millis(100))
    } else {
        (window(5000), Duration::from_secs(3))
    }
}

/// Of clients alone, beside the abuser, and alone again.
fn waits([alone, beside, after]: [&Times; 3]) -> Vec<Figure> {
    vec![
        Figure::new("p50 us alone", alone.p50),
        Figure::new("p50 us beside", beside.p50),
        Figure::new("p99 us alone", alone.p99),
        Figure::new("p99 us beside", beside.p99),
        Figure::new("p99 beside / alone", beside.p99 / alone.p99),
        Figure::new("longest ms beside", beside.most / 1e3),
        Figure::new(
            "failed %",
            100.0 * float(beside.failed) / float(beside.requests),
        ),
        Figure::new("p99 us after", after.p99),
    ]
}

fn costs(sample: &Sample, memory: [f64; 4]) -> Vec<Figure> {
    let [before, peak, end, after] = memory.map(|kib| kib / 1024.0);
    let attempts = sample.attempts;
    vec![
        Figure::new("MiB before", before),
        Figure::new("MiB peak", peak),
        Figure::new("MiB at its end", end),
        Figure::new("MiB after", after),
        Figure::new("cpu share", sample.cpu_seconds / sample.seconds),
        Figure::new("attempts", float(attempts.made)),
        Figure::new("served", float(attempts.served)),
        Figure::new("refused", float(attempts.refused)),
        Figure::new("broken", float(attempts.broken)),
    ]
}
