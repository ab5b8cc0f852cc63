//! Attempts, some at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::Options;
use crate::attempt::{Attempt, Ring, Verdict};
use crate::machine::Machine;

/// Makes every attempt, and says what came of it as soon as it has ended. The result is in the order
/// of the attempts.
pub(crate) fn try_all(
    attempts: &[(&Ring, &Attempt)],
    machine: &Machine,
    options: &Options,
) -> Vec<(&'static str, Verdict)> {
    let queue = Mutex::new(attempts.iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::new());
    let work = || {
        while let Some((index, (_, attempt))) = next() {
            let tried = catch_unwind(AssertUnwindSafe(|| {
                attempt.try_both(machine, options.awaited)
            }));
            let verdict = tried.unwrap_or_else(|payload| {
                let message = payload.downcast_ref::<String>();
                let message = message.map_or("a panic, printed above", String::as_str);
                Verdict::Broken(message.to_owned())
            });
            println!("{} ... {}", attempt.name, verdict.word());
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((index, attempt.name, verdict));
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.test_threads.max(1) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, ..)| *index);
    done.into_iter()
        .map(|(_, name, verdict)| (name, verdict))
        .collect()
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Holds => "ok",
            Self::Skipped(_) => "skipped",
            Self::Broken(_) => "FAILED",
        }
    }
}
