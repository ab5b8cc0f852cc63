//! Mixed traffic for as long as is asked, while tokens live ten seconds: no client may see an
//! error, and nothing may grow. `cargo test --test soak -- --minutes 30`.
#![allow(clippy::print_stdout, reason = "what a test binary has to say")]

mod http1;
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
mod sample;
#[path = "../matrix/way.rs"]
mod way;
mod work;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use authsome_test_support::{FakeGitLab, Visibility};
use clap::Parser;

use crate::kit::World;
use crate::sample::{Sample, Samples};
use crate::way::{Run, Way};

/// Mixed traffic through one session
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Options {
    /// How long
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    minutes: f64,
    /// Only kinds of traffic whose name contains one of these
    filter: Vec<String>,
    /// Print the kinds, and run nothing
    #[arg(long)]
    list: bool,
    /// Without effect, for `cargo test -- --nocapture`
    #[arg(long, hide = true)]
    nocapture: bool,
}

/// What all traffic shares.
struct Soak {
    gitlab: FakeGitLab,
    way: Way,
    world: World,
    run: Run,
    is_over: AtomicBool,
    done: AtomicU64,
    /// What went wrong, and how often.
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Soak {
    /// Ten seconds a token, and a connection that has just been made.
    fn start() -> Self {
        let gitlab = FakeGitLab::builder().expires_in(Some(LIFETIME)).start();
        let world = World::new();
        world.connect_as("default", &gitlab, &gitlab.base_url(), LIFETIME);
        gitlab.add_repo(PROJECT, Visibility::Private, &[("README.md", "hello\n")]);
        let (run, way) = Run::start(world.authsome(["run"]));
        Self {
            gitlab,
            way,
            world,
            run,
            is_over: AtomicBool::new(false),
            done: AtomicU64::new(0),
            errors: Mutex::default(),
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Counts one thing that was done.
    fn note(&self, name: &str, outcome: Result<(), String>) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Err(problem) = outcome {
            let problem: String = problem.chars().take(MAX_PROBLEM).collect();
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            *errors.entry(format!("{name}: {problem}")).or_default() += 1;
        }
    }

    fn errors(&self) -> BTreeMap<String, u64> {
        self.errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn sample(&self, since: Instant) -> Sample {
        Sample {
            seconds: since.elapsed().as_secs(),
            done: self.done.load(Ordering::Relaxed),
            errors: self.errors().values().sum(),
            refreshes: self.gitlab.refreshes(),
            ..Sample::of_process(self.run.pid())
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let chosen = |name: &str| {
        options.filter.is_empty() || options.filter.iter().any(|part| name.contains(part))
    };
    let kinds: Vec<_> = work::KINDS
        .iter()
        .filter(|kind| chosen(kind.name))
        .collect();
    if options.list {
        for kind in kinds {
            println!("{}: test", kind.name);
        }
        return ExitCode::SUCCESS;
    }
    if let Err(problem) = sample::check() {
        println!("error: {problem}");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime of one thread");
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let (samples, errors) = runtime.block_on(soak(&kinds, length));
    for (problem, count) in &errors {
        println!("error: {count} times {problem}");
    }
    let growth = samples.growth();
    for problem in &growth {
        println!("error: {problem}");
    }
    let green = errors.is_empty() && growth.is_empty();
    println!(
        "\ntest result: {}. {}\n",
        if green { "ok" } else { "FAILED" },
        samples.last()
    );
    if green {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn soak(kinds: &[&'static work::Kind], length: Duration) -> (Samples, BTreeMap<String, u64>) {
    let soak = Arc::new(Soak::start());
    let started = Instant::now();
    let mut working = tokio::task::JoinSet::new();
    for kind in kinds {
        for _ in 0..kind.at_once {
            working.spawn(work(Arc::clone(&soak), kind));
        }
    }
    println!("\n{}", Sample::TITLES);
    let mut samples = Samples::default();
    let interval = (length / SAMPLES).max(MIN_INTERVAL);
    while started.elapsed() < length {
        tokio::time::sleep(interval).await;
        let sample = soak.sample(started);
        println!("{sample}");
        samples.push(sample);
        soak.gitlab.clear_seen(); // its log would grow, and with it this process
    }
    soak.is_over.store(true, Ordering::Relaxed);
    while working.join_next().await.is_some() {}
    (samples, soak.errors())
}

/// One kind of traffic, again and again.
async fn work(soak: Arc<Soak>, kind: &'static work::Kind) {
    while !soak.is_over() {
        let outcome = tokio::time::timeout(LIMIT, (kind.run)(Arc::clone(&soak))).await;
        soak.note(
            kind.name,
            outcome.unwrap_or_else(|_| Err("no end in time".to_owned())),
        );
        tokio::time::sleep(kind.pause).await;
    }
}

/// Seconds for which a token is good.
const LIFETIME: u64 = 10;

/// The repository that is cloned and pushed to.
const PROJECT: &str = "group/soak";

/// Samples of a whole soak, and the least time between two.
const SAMPLES: u32 = 60;
const MIN_INTERVAL: Duration = Duration::from_secs(2);

/// For one thing that is done.
const LIMIT: Duration = Duration::from_mins(1);

/// Characters of what went wrong, so that equal ones are counted as one.
const MAX_PROBLEM: usize = 200;
