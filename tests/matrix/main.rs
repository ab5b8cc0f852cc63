//! Every client at every server, with every response at every moment, directly and through
//! `authsome run`: no cell may be worse than the same client directly at that server. `cargo test
//! --test matrix -- --help`.
#![allow(clippy::print_stdout, reason = "what a test binary has to say")]

mod bodies;
mod cell;
mod client;
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
mod outcome;
mod pattern;
mod report;
mod scene;
mod scenes;
mod server;
mod session;
mod way;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cell::Cell;
use crate::outcome::{Outcome, Reason};
use crate::report::{Found, Report};
use crate::scenes::SCENES;
use crate::server::Server;
use crate::session::Session;
use crate::way::Way;

/// Compare clients behind authsome with the same clients directly at their server
#[derive(Debug, Parser)]
#[command(name = "matrix")]
struct Options {
    /// Only cells whose name contains all of these, as `'h2 to 1.1'` or `large`
    filter: Vec<String>,
    /// Print the cells, and run nothing
    #[arg(long)]
    list: bool,
    /// Print both outcomes of every cell, not only of those that are worse
    #[arg(long)]
    verbose: bool,
    /// How many cells run at a time
    #[arg(long, value_name = "N", default_value_t = 32)]
    test_threads: usize,
    /// Without effect, for `cargo test -- --nocapture`
    #[arg(long, hide = true)]
    nocapture: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let cells = cell::all()
        .into_iter()
        .filter(|cell| options.chooses(*cell));
    let cells: Vec<_> = cells.collect();
    let scenes = SCENES.iter().filter(|scene| options.names(scene.name));
    let scenes: Vec<_> = scenes.collect();
    if options.list {
        for cell in cells {
            println!("{cell}: test");
        }
        for scene in scenes {
            println!("{}: test", scene.name);
        }
        return ExitCode::SUCCESS;
    }
    if cells.is_empty() && scenes.is_empty() {
        println!("error: nothing has such a name");
        return ExitCode::from(2);
    }
    if let Err(problem) = outcome::check() {
        println!("error: {problem}");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime of one thread");
    runtime.block_on(async {
        let server = Server::start().await.expect("two free ports");
        let session = Session::start(&server);
        let bench = Arc::new(Bench { server, session });
        let failed = play(&bench, &scenes).await;
        let report = run(&bench, cells, &options).await;
        report.print(options.verbose);
        if report.is_green() && failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    })
}

/// Plays the scenes, one after the other; how many failed.
async fn play(bench: &Arc<Bench>, scenes: &[&scenes::Scene]) -> usize {
    println!("\nrunning {} scenes", scenes.len());
    let mut failed = 0;
    for scene in scenes {
        let playing = tokio::time::timeout(SCENE, (scene.run)(Arc::clone(bench)));
        match playing
            .await
            .unwrap_or_else(|_| Err("no end in time".to_owned()))
        {
            Ok(told) => println!("{} ... ok ({told})", scene.name),
            Err(problem) => {
                println!("{} ... FAILED\n{problem}\n", scene.name);
                failed += 1;
            }
        }
    }
    failed
}

impl Options {
    fn chooses(&self, cell: Cell) -> bool {
        self.names(&cell.to_string())
    }

    fn names(&self, name: &str) -> bool {
        self.filter.iter().all(|part| name.contains(part))
    }
}

/// What runs the cells.
struct Bench {
    server: Server,
    session: Session,
}

async fn run(bench: &Arc<Bench>, cells: Vec<Cell>, options: &Options) -> Report {
    let started = Instant::now();
    println!("\nrunning {} cells", cells.len());
    let turns = Arc::new(Semaphore::new(options.test_threads));
    let mut running = JoinSet::new();
    for cell in cells {
        let turn = Arc::clone(&turns)
            .acquire_owned()
            .await
            .expect("never closed");
        let bench = Arc::clone(bench);
        running.spawn(async move {
            let found = bench.compare(cell).await;
            drop(turn);
            found
        });
    }
    let mut found = Vec::new();
    while let Some(one) = running.join_next().await {
        found.push(one.expect("a cell does not panic"));
    }
    for found in &mut found {
        bench.repeat(found).await;
    }
    Report::new(found, started.elapsed())
}

impl Bench {
    /// Runs a cell directly and through the session; where it is worse, directly some times more,
    /// as that need not be the same each time: no worse than one of them is good enough.
    async fn compare(&self, cell: Cell) -> Found {
        let direct = self.once(cell, &self.session.direct).await;
        let proxied = self.once(cell, &self.session.proxied).await;
        let mut found = Found::new(cell, direct, proxied);
        for _ in 0..MORE_DIRECT {
            if found.reasons().is_empty() {
                break;
            }
            found.also_directly(self.once(cell, &self.session.direct).await);
        }
        // To the proxy the client speaks HTTP/2, which it does not do with this server: its own
        // faults in that are none of the proxy's (curl 7.88 never reads another window update once
        // a response to its upload has ended).
        if !found.reasons().is_empty()
            && let Some(cell) = cell.by_http2()
        {
            found.also_directly(self.once(cell, &self.session.direct).await);
        }
        found
    }

    /// Runs a cell by itself, twice at most, where a busy machine can be what made it worse: a
    /// client that closes right after its last byte discards what its kernel has not sent by then.
    async fn repeat(&self, found: &mut Found) {
        let is_of_time = |reasons: Vec<Reason>| {
            !reasons.is_empty() && reasons.into_iter().all(Reason::is_of_time)
        };
        for _ in 0..2 {
            if is_of_time(found.reasons()) {
                found.again(self.once(found.cell, &self.session.proxied).await);
            }
        }
    }

    /// What comes of a cell, this once.
    async fn once(&self, cell: Cell, way: &Arc<Way>) -> Outcome {
        let place = self.server.place(cell).await;
        client::run(&place, way).await
    }
}

/// A whole scene's time.
const SCENE: Duration = Duration::from_mins(2);

/// How often a cell that is worse is run directly once more.
const MORE_DIRECT: usize = 3;
