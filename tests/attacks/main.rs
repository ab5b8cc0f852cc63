//! A hostile command under `authsome run`: each of its attempts fails, and each succeeds as soon as
//! the defence against it is left out (`src/defence.rs`). `.ci/run attacks` builds both binaries.
//! `cargo test --test attacks -- --help`.
#![allow(clippy::print_stdout, reason = "what a test binary has to say")]

mod attempt;
#[path = "../../src/defence.rs"]
#[allow(dead_code, reason = "only the names are needed here")]
mod defence;
#[path = "../it/kit"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the rest is for the other tests, and one that cannot be set up has failed"
)]
mod kit {
    mod setup;
    mod world;

    pub(crate) use world::World;
}
mod machine;
mod origin;
mod pool;
#[path = "../clients/process.rs"]
#[expect(dead_code, reason = "the rest is for the other tests")]
mod process;
mod rings;
mod stage;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::attempt::{Ring, Verdict};
use crate::machine::Machine;

/// Try to get at what authsome keeps
#[derive(Debug, Parser)]
#[command(name = "attacks")]
struct Options {
    /// Only attempts whose name contains one of these
    filter: Vec<String>,
    /// Print the attempts, and run nothing
    #[arg(long)]
    list: bool,
    /// The binary whose defences can be left out
    #[arg(long, value_name = "PATH")]
    undefended: Option<PathBuf>,
    /// How many at a time
    #[arg(long, value_name = "N", default_value_t = 3)]
    test_threads: usize,
    /// Those as well whose defence is not in force yet
    #[arg(long)]
    awaited: bool,
    /// Without effect, for `cargo test -- --nocapture`
    #[arg(long, hide = true)]
    nocapture: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let rings = rings::all();
    if options.list {
        for (_, attempt) in chosen(&rings, &options) {
            println!("{}: test", attempt.name);
        }
        return ExitCode::SUCCESS;
    }
    machine::enter_namespace();
    let undefended = options.undefended.clone().unwrap_or_else(|| {
        let beside = kit_binary().with_file_name("authsome");
        beside.with_file_name("undefended").join("authsome")
    });
    let machine = match Machine::new(&undefended) {
        Ok(machine) => machine,
        Err(problem) => {
            println!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let attempts = chosen(&rings, &options);
    let tried = pool::try_all(&attempts, &machine, &options);
    let mut problems: Vec<String> = Vec::new();
    let mut skipped = Vec::new();
    for (name, verdict) in &tried {
        match verdict {
            Verdict::Holds | Verdict::Awaited => {}
            Verdict::Skipped(reason) => skipped.push(format!("{name} ({reason})")),
            Verdict::Broken(problem) => problems.push(format!("---- {name} ----\n{problem}")),
        }
    }
    if options.filter.is_empty() {
        problems.extend(table::check(&rings));
        problems.extend(attempt::unused(&rings));
        problems.extend(machine.names_nothing_to_leave_out());
    }
    if std::env::var("TESTS_REQUIRE_ALL").is_ok_and(|value| value == "1") {
        let skipped = skipped
            .iter()
            .filter(|name| !name.contains(machine::NO_CORES)); // no machine must have them
        problems.extend(skipped.map(|name| format!("may not be skipped: {name}")));
    }
    for problem in &problems {
        println!("\n{problem}");
    }
    println!(
        "\ntest result: {}. {} attempts; {} wrong; skipped: {}; finished in {:.1}s\n",
        if problems.is_empty() { "ok" } else { "FAILED" },
        tried.len(),
        problems.len(),
        if skipped.is_empty() {
            "none".to_owned()
        } else {
            skipped.join(", ")
        },
        started.elapsed().as_secs_f64()
    );
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The ordinary binary.
fn kit_binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_authsome"))
}

fn chosen<'a>(rings: &'a [Ring], options: &Options) -> Vec<(&'a Ring, &'a attempt::Attempt)> {
    let is_named = |name: &str| {
        let mut parts = options.filter.iter();
        options.filter.is_empty() || parts.any(|part| name.contains(part.as_str()))
    };
    let all = rings
        .iter()
        .flat_map(|ring| ring.attempts.iter().map(move |attempt| (ring, attempt)));
    all.filter(|(_, attempt)| is_named(attempt.name)).collect()
}
