//! Instructions per request, counted by valgrind: the steady figure, whatever else the machine
//! does.
//!
//! Each exchange is run twice, the second time with twice the requests: what the start costs is in
//! both and falls out of the difference.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::bed::Bed;
use crate::failure::Failure;

use crate::binaries::release_binary;
use crate::options::Options;
use crate::report::float;
use crate::report::{Figure, Report};
use crate::system::{Circumstances, Entrant, Kind, System};
use crate::watcher::Watcher;
use crate::wire::{Protocol, Work};

/// A rise beyond this share fails; the counts of two runs of one binary differ by a few
/// thousandths.
const TOLERANCE: f64 = 0.03;

/// How often each run is repeated; the least counts.
const RUNS: usize = 3;

/// Instructions for one request of each exchange, as committed.
type Counts = BTreeMap<String, u64>;

/// An exchange that is counted.
struct Exchange {
    name: &'static str,
    /// In the shorter one of the two runs.
    requests: u64,
    work: fn(u64) -> Work,
    /// Whether it is for systems that inject, or for the others.
    injects: bool,
    /// How many connections of other providers are in the vault, and so in the run.
    others: usize,
    /// Whether a page is open that shows the run.
    is_watched: bool,
}

const EXCHANGES: [Exchange; 8] = [
    Exchange {
        name: "HTTP/1.1, injected",
        requests: 1000,
        work: |requests| Work::Counted {
            requests,
            protocol: Protocol::Http1,
        },
        injects: true,
        others: 0,
        is_watched: false,
    },
    // The start with so many connections is as many instructions as 5000 requests, and varies by
    // some: with more requests it weighs less.
    Exchange {
        name: "HTTP/1.1, injected, 200 more connections",
        requests: 4000,
        work: |requests| Work::Counted {
            requests,
            protocol: Protocol::Http1,
        },
        injects: true,
        others: 200,
        is_watched: false,
    },
    // As many fields as make a copy of them show: beside the cryptography, one of the usual five is
    // lost.
    Exchange {
        name: "HTTP/1.1, injected, 40 more fields",
        requests: 1000,
        work: |requests| Work::CountedLong {
            requests,
            fields: 40,
        },
        injects: true,
        others: 0,
        is_watched: false,
    },
    Exchange {
        name: "HTTP/1.1, injected, watched",
        requests: 1000,
        work: |requests| Work::Counted {
            requests,
            protocol: Protocol::Http1,
        },
        injects: true,
        others: 0,
        is_watched: true,
    },
    // The others' responses are files, which are not searched for secrets.
    Exchange {
        name: "HTTP/1.1, injected, searched",
        requests: 1000,
        work: |requests| Work::CountedText { requests },
        injects: true,
        others: 0,
        is_watched: false,
    },
    Exchange {
        name: "HTTP/2, injected",
        requests: 1000,
        work: |requests| Work::Counted {
            requests,
            protocol: Protocol::Http2,
        },
        injects: true,
        others: 0,
        is_watched: false,
    },
    Exchange {
        name: "HTTP/1.1, blind tunnel",
        requests: 1000,
        work: |requests| Work::Counted {
            requests,
            protocol: Protocol::Http1,
        },
        injects: false,
        others: 0,
        is_watched: false,
    },
    Exchange {
        name: "new connection, injected",
        requests: 100,
        work: |connections| Work::CountedFresh { connections },
        injects: true,
        others: 0,
        is_watched: false,
    },
];

/// Counts, shows, and compares with the committed counts; a rise fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let binary = release_binary(options)?;
    let bed = Bed::make()?;
    let usual = bed.home("home", options.connections)?;
    let mut report = Report::new(options.json.as_deref())?;
    let mut counts = Counts::new();
    for exchange in EXCHANGES {
        let home = match exchange.others {
            0 => usual.clone(),
            others => bed.home_of_providers(&format!("others-{others}"), others)?,
        };
        for entrant in Entrant::all(options, &binary)
            .iter()
            .filter(|entrant| takes_part(&exchange, entrant))
        {
            let count = count(options, &exchange, entrant, &bed, &home)?;
            report.add(
                exchange.name,
                &entrant.name,
                0,
                vec![Figure::new("instructions/req", count)],
            )?;
            if entrant.is_subject() {
                counts.insert(exchange.name.to_owned(), rounded(count));
            }
        }
        report.show(exchange.name);
    }
    let committed = committed_file();
    if options.bless {
        let mut text = serde_json::to_string_pretty(&counts)?;
        text.push('\n');
        File::create(&committed)?.write_all(text.as_bytes())?;
        println!("\nwritten to {}", committed.display());
        return Ok(ExitCode::SUCCESS);
    }
    let expected: Counts = serde_json::from_str(&fs::read_to_string(&committed)?)?;
    Ok(judge(&expected, &counts))
}

fn takes_part(exchange: &Exchange, entrant: &Entrant) -> bool {
    let speaks = !exchange.name.starts_with("HTTP/2") || entrant.speaks_http2();
    let tells = !exchange.is_watched || matches!(entrant.kind, Kind::Authsome { .. });
    entrant.has_proxy() && entrant.injects() == exchange.injects && speaks && tells
}

/// Instructions for one request.
fn count(
    options: &Options,
    exchange: &Exchange,
    entrant: &Entrant,
    bed: &Bed,
    home: &Path,
) -> Result<f64, Failure> {
    let directory = options.keep.clone().unwrap_or_else(|| bed.path(""));
    let run = |requests| -> Result<f64, Failure> {
        let name = format!("callgrind.{}.{}.{requests}", exchange.name, entrant.name);
        let output = directory.join(name.replace([' ', ',', '/'], "_"));
        let circumstances = Circumstances {
            home: home.to_owned(),
            hosts: Vec::new(),
            flags: Vec::new(),
            under: vec![
                "valgrind".into(),
                "--quiet".into(),
                "--tool=callgrind".into(),
                format!("--callgrind-out-file={}", output.display()).into(),
            ],
        };
        let mut system = System::start(entrant, bed, &circumstances)?;
        let watcher = exchange.is_watched.then(|| Watcher::start(home));
        let watcher = watcher.transpose()?;
        system.perform((exchange.work)(requests))?;
        system.end()?;
        watcher.map_or(Ok(()), |watcher| watcher.end(requests))?;
        total_of(&fs::read_to_string(output)?)
    };
    let requests = exchange.requests * options.times;
    let (mut shorter, mut longer) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..options.rounds.unwrap_or(RUNS) {
        // What varies is how often the threads meet at a lock, or a message comes in two pieces: it
        // only ever adds.
        shorter = shorter.min(run(requests)?);
        longer = longer.min(run(2 * requests)?);
    }
    Ok((longer - shorter) / float(requests))
}

/// The count of a whole run in callgrind's output.
fn total_of(output: &str) -> Result<f64, Failure> {
    let line = output.lines().find_map(|line| line.strip_prefix("totals:"));
    Ok(line
        .ok_or("callgrind has written no totals")?
        .trim()
        .parse()?)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count is not negative, and far below 2^53"
)]
fn rounded(count: f64) -> u64 {
    count.round() as u64
}

fn judge(expected: &Counts, counts: &Counts) -> ExitCode {
    println!();
    let mut rose = false;
    for (name, count) in counts {
        let Some(before) = expected.get(name) else {
            println!("{name}: {count}, and no committed count");
            continue;
        };
        let change = float(*count) / float(*before) - 1.0;
        println!(
            "{name}: {count}, {:+.1} % of the committed {before}",
            100.0 * change
        );
        rose |= change > TOLERANCE;
        if change < -TOLERANCE {
            println!("  cheaper: bless it, so that it stays so");
        }
    }
    if rose {
        println!(
            "more than {} % above benches/instructions.json; if that is worth it: cargo bench --bench proxy -- --instructions --bless",
            100.0 * TOLERANCE
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn committed_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json")
}
