//! Every client of `rows/*.toml` under `authsome run`, with nothing configured: `cargo test --test
//! clients -- --help`.
#![allow(clippy::print_stdout, reason = "what a test binary has to say")]

mod attempt;
mod evidence;
#[path = "../it/kit"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the rest is for the other tests, and one that cannot be set up has failed"
)]
mod kit {
    mod setup;
    mod world;

    pub(crate) use setup::SCOPES;
    pub(crate) use world::{PLACEHOLDER, World};
}
mod pool;
mod process;
mod report;
mod rows;
mod server;

use std::fs::{self, File};
use std::io::Write;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::attempt::{Places, Verdict};
use crate::pool::try_all;
use crate::report::Report;
use crate::rows::{Place, Row};
use crate::server::{GRPC_HOST, HOST};

/// Try every client of tests/clients/rows under `authsome run`
#[derive(Debug, Parser)]
#[command(name = "clients")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one flag of the command line"
)]
struct Options {
    /// Only rows whose id contains one of these
    filter: Vec<String>,
    /// Print the ids, and run nothing
    #[arg(long)]
    list: bool,
    /// Write docs/clients.md; needs every row to be as it says
    #[arg(long, conflicts_with = "filter")]
    write_docs: bool,
    /// Try every row in an isolated run, not only those that fail in others
    #[arg(long)]
    isolated: bool,
    /// Fail where a client is not installed (as with `CLIENTS_REQUIRE_ALL`, for `cargo test
    /// --workspace`)
    #[arg(long)]
    require_all: bool,
    /// Leave the rows' directories behind
    #[arg(long)]
    keep: bool,
    /// How many rows run at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    test_threads: usize,
    /// Without effect, for `cargo test -- --nocapture`
    #[arg(long, hide = true)]
    nocapture: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = Places {
        here: root.join("tests/clients"),
        clients: root.join("target/clients"),
    };
    let (mut rows, problems) = rows::read(&places.here.join("rows"));
    let isolated = rows.iter().map(Row::isolated).zip(&rows);
    let isolated = isolated.filter(|(_, row)| options.isolates_all() || !row.works);
    let isolated: Vec<_> = isolated.map(|(isolated, _)| isolated).collect();
    rows.extend(isolated);
    let chosen: Vec<_> = rows.iter().filter(|row| options.chooses(row)).collect();
    if options.list {
        for row in chosen {
            println!("{}: test", row.id);
        }
        return ExitCode::SUCCESS;
    }
    if chosen.is_empty() {
        println!("error: nothing has such a name");
        return ExitCode::from(2);
    }
    for host in [HOST, GRPC_HOST] {
        if (host, 443).to_socket_addrs().is_ok() {
            println!(
                "error: {host} resolves on this machine, so a client could go around the proxy unnoticed"
            );
            return ExitCode::FAILURE;
        }
    }
    match run(&chosen, problems, &places, &options) {
        Some(report) if options.write_docs => {
            let docs = root.join("docs");
            fs::create_dir_all(&docs)
                .and_then(|()| File::create(docs.join("clients.md")))
                .and_then(|mut file| file.write_all(report.page().as_bytes()))
                .expect("the repository can be written");
            ExitCode::SUCCESS
        }
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

impl Options {
    fn isolates_all(&self) -> bool {
        self.isolated || self.write_docs
    }

    fn chooses(&self, row: &Row) -> bool {
        if self.isolated && row.place == Place::Outside {
            return false;
        }
        self.filter.is_empty() || self.filter.iter().any(|part| row.id.contains(part))
    }
}

/// Tries the rows and tells what came of them. `None` where something is not as it should be.
fn run<'a>(
    rows: &[&'a Row],
    mut problems: Vec<String>,
    places: &Places,
    options: &Options,
) -> Option<Report<'a>> {
    let started = Instant::now();
    let in_earnest = options.require_all || std::env::var_os("CLIENTS_REQUIRE_ALL").is_some();
    let needs_all = in_earnest || options.write_docs;
    if options.filter.is_empty() {
        problems.extend(unnoticed(places, options, needs_all));
    }
    println!("\nrunning {} clients", rows.len());
    let attempts = try_all(rows, places, options, |row, attempt| {
        println!("client {} ... {}", row.id, attempt.verdict.word());
    });
    let report = Report(attempts);
    let green = report.failed() == 0 && problems.is_empty() && !(needs_all && report.missing() > 0);
    report.print(green, started.elapsed());
    for problem in &problems {
        println!("error: {problem}");
    }
    green.then_some(report)
}

/// What the runner does not notice of the rows that are broken on purpose.
fn unnoticed(places: &Places, options: &Options, needs_all: bool) -> Vec<String> {
    let (rows, mut problems) = rows::read(&places.here.join("broken"));
    let rows: Vec<_> = rows.iter().collect();
    for (row, attempt) in try_all(&rows, places, options, |_, _| {}) {
        let expected = row.note.as_deref().unwrap_or_default();
        match attempt.verdict {
            Verdict::Missing if needs_all => {
                problems.push(format!("{} is not installed", row.id));
            }
            Verdict::Missing => {}
            Verdict::Failed(report) if report.starts_with(expected) => {}
            other => problems.push(format!("{} is not noticed: {expected}: {other:?}", row.id)),
        }
    }
    problems
}
