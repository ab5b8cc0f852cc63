//! What is counted while a load runs.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::process::cpu_seconds;
use crate::wire::{self, Reply, Sample, Watch, Window};

/// Shared by the clients of one load.
#[derive(Default)]
pub(super) struct Tally {
    /// Microseconds, one for each request that was completed.
    latencies: RefCell<Vec<f64>>,
    resumed: Cell<u64>,
    over: Cell<bool>,
    failure: RefCell<Option<String>>,
}

impl Tally {
    pub(super) fn count(&self, started: Instant) {
        self.latencies
            .borrow_mut()
            .push(started.elapsed().as_secs_f64() * 1e6);
    }

    pub(super) fn count_resumed(&self) {
        self.resumed.set(self.resumed.get() + 1);
    }

    /// Whether the clients are to stop.
    pub(super) fn is_over(&self) -> bool {
        self.over.get() || self.failure.borrow().is_some()
    }

    /// Makes the whole load fail.
    pub(super) fn fail(&self, failure: &Failure) {
        self.failure
            .borrow_mut()
            .get_or_insert_with(|| failure.to_string());
    }

    /// Lets the clients run for the length of the window, and tells what happened in it.
    pub(super) async fn measure(
        self: &Rc<Self>,
        window: Window,
        watch: Watch,
    ) -> Result<Sample, Failure> {
        tokio::time::sleep(Duration::from_millis(window.warm_up_ms)).await;
        self.latencies.borrow_mut().clear();
        self.resumed.set(0);
        let stopwatch = Stopwatch::start(watch)?;
        tokio::time::sleep(Duration::from_millis(window.length_ms)).await;
        let mut sample = stopwatch.stop()?;
        let mut latencies = self.latencies.take();
        self.over.set(true);
        if let Some(failure) = self.failure.take() {
            return Err(failure.into());
        }
        latencies.sort_unstable_by(f64::total_cmp);
        sample.requests = latencies.len() as u64;
        sample.resumed = self.resumed.get();
        [sample.p50, sample.p99, sample.p999] =
            [500, 990, 999].map(|permille| percentile(&latencies, permille));
        Ok(sample)
    }
}

/// The value below which so many of a thousand sorted values are.
pub(super) fn percentile(sorted: &[f64], permille: usize) -> f64 {
    let index = (sorted.len() * permille / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Time, and CPU time of another process.
pub(super) struct Stopwatch {
    watch: Watch,
    started: Instant,
    cpu_before: f64,
}

impl Stopwatch {
    pub(super) fn start(watch: Watch) -> Result<Self, Failure> {
        Ok(Self {
            watch,
            cpu_before: cpu_of(watch)?,
            started: Instant::now(),
        })
    }

    pub(super) fn stop(self) -> Result<Sample, Failure> {
        let seconds = self.started.elapsed().as_secs_f64();
        Ok(Sample {
            seconds,
            cpu_seconds: cpu_of(self.watch)? - self.cpu_before,
            ..Sample::default()
        })
    }
}

fn cpu_of(watch: Watch) -> Result<f64, Failure> {
    match watch {
        Watch::Nobody => return Ok(0.0),
        Watch::Process(process) => return Ok(cpu_seconds(process)?),
        Watch::Harness => wire::send(&mut io::stdout(), &Reply::Mark)?,
    }
    Ok(0.0)
}
