//! Whether a cost stays flat as things get more: connections in the vault (each a route) and open
//! tunnels.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use super::bench::Bench;
use crate::failure::Failure;
use crate::plot::Plot;
use crate::process::Place;
use crate::report::Figure;
use crate::report::float;
use crate::system::{Circumstances, Entrant, Kind, System, authsome};
use crate::wire::{Way, Work};

/// Connections in the vault.
const CONNECTIONS: [usize; 5] = [1, 10, 100, 1000, 10_000];

/// The generator is rustls, which reads no certificate beyond 64 KiB, and the session's root names
/// each host: with more, only the start is measured.
const MAX_FOR_THE_GENERATOR: usize = 1000;

/// Tunnels that stand open.
const TUNNELS: [usize; 5] = [1, 10, 100, 1000, 2000];

/// With `--quick`, nothing beyond this.
const QUICK: usize = 100;

/// HTTP/1.1 clients that load the proxy.
const CLIENTS: usize = 16;

/// A start that would take longer than this is not waited for, in milliseconds.
const MAX_START: f64 = 10_000.0;

/// Starts whose median is told.
const STARTS: usize = 5;

/// The case, its file and what its figure is called.
struct Curve {
    case: &'static str,
    file: &'static str,
    x: &'static str,
    figure: &'static str,
}

const BY_CONNECTIONS: Curve = Curve {
    case: "cost of a request by connections in the vault",
    file: "connections.svg",
    x: "connections",
    figure: "cpu us/req",
};

const START: Curve = Curve {
    case: "authsome run -- true by connections in the vault",
    file: "start.svg",
    x: "connections",
    figure: "ms",
};

const BY_TUNNELS: Curve = Curve {
    case: "cost of a request by open tunnels",
    file: "tunnels.svg",
    x: "tunnels",
    figure: "cpu us/req",
};

pub(super) fn curves(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let most = if bench.options.quick {
        QUICK
    } else {
        usize::MAX
    };
    let counts = |all: [usize; 5]| all.into_iter().filter(move |count| *count <= most);
    let mut milliseconds = 0.0;
    for count in counts(CONNECTIONS) {
        let expected = 10.0 * milliseconds; // each count is ten times the one before
        if expected > MAX_START {
            println!(
                "\n{count} connections are left out: a tenth of them took {milliseconds:.0} ms to start"
            );
            break;
        }
        let home = bench.bed.home(&format!("scale{count}"), count)?;
        let circumstances = Circumstances {
            home,
            ..Circumstances::default()
        };
        milliseconds = start(bench, &circumstances)?;
        let label = count.to_string();
        bench.report.add(
            START.case,
            &label,
            0,
            vec![Figure::new(START.figure, milliseconds)],
        )?;
        if count <= MAX_FOR_THE_GENERATOR {
            let mut system = System::start(&subject(bench), &bench.bed, &circumstances)?;
            cost(bench, &mut system, BY_CONNECTIONS.case, &label)?;
        }
    }
    let mut system = System::start(&subject(bench), &bench.bed, &bench.circumstances)?;
    let mut open = 0;
    for count in counts(TUNNELS) {
        system.perform(Work::Hold {
            connections: count - open,
        })?;
        open = count;
        cost(bench, &mut system, BY_TUNNELS.case, &count.to_string())?;
    }
    [BY_CONNECTIONS, START, BY_TUNNELS]
        .iter()
        .try_for_each(|curve| show(bench, curve))
}

/// authsome, as it injects: in an isolated run, where that is asked for.
fn subject(bench: &Bench<'_>) -> Entrant {
    let way = if bench.options.isolated {
        Way::Captured
    } else {
        Way::Injected
    };
    let kind = Kind::Authsome {
        binary: bench.binary.clone(),
        way,
    };
    Entrant {
        name: Entrant::SUBJECT.to_owned(),
        kind,
    }
}

fn cost(
    bench: &mut Bench<'_>,
    system: &mut System,
    case: &str,
    label: &str,
) -> Result<(), Failure> {
    for round in 0..bench.options.rounds() {
        let sample = system.perform(Work::KeepAlive {
            connections: CLIENTS,
            window: bench.window(),
        })?;
        let requests = float(sample.requests);
        let figures = vec![
            Figure::new("cpu us/req", sample.cpu_seconds * 1e6 / requests),
            Figure::new("p50 us", sample.p50),
            Figure::new("p99 us", sample.p99),
        ];
        bench.report.add(case, label, round, figures)?;
    }
    Ok(())
}

/// The median of some starts, in milliseconds.
fn start(bench: &Bench<'_>, circumstances: &Circumstances) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut command = authsome(&bench.binary, &bench.bed, circumstances);
        let started = Instant::now();
        let status = Place::Middle.spawn(command.args(["--", "true"]))?.wait()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            return Err(format!("authsome ended with {status}").into());
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[STARTS / 2])
}

fn show(bench: &Bench<'_>, curve: &Curve) -> Result<(), Failure> {
    bench.report.show(curve.case);
    let Some(directory) = &bench.options.svg else {
        return Ok(());
    };
    let all = if curve.x == BY_TUNNELS.x {
        TUNNELS
    } else {
        CONNECTIONS
    };
    let point = |count: usize| {
        let value = bench
            .report
            .median(curve.case, &count.to_string(), curve.figure)?;
        Some((float(count as u64), value))
    };
    let points: Vec<_> = all.into_iter().filter_map(point).collect();
    let plot = Plot {
        title: curve.case,
        x: curve.x,
        y: curve.figure,
        points: &points,
    };
    File::create(directory.join(curve.file))?.write_all(plot.svg().as_bytes())?;
    Ok(())
}
