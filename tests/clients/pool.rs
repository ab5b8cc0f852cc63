//! Rows, some at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::Options;
use crate::attempt::{self, Attempt, Places, Verdict};
use crate::rows::Row;

/// Tries every row, and calls `say` as soon as one has ended. The result is in the order of the
/// rows.
pub(crate) fn try_all<'a>(
    rows: &[&'a Row],
    places: &Places,
    options: &Options,
    say: impl Fn(&Row, &Attempt) + Sync,
) -> Vec<(&'a Row, Attempt)> {
    let queue = Mutex::new(rows.iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut done = Vec::new();
        while let Some((index, row)) = next() {
            let attempt = attempt_or_panic(row, places, options.keep);
            say(row, &attempt);
            done.push((index, *row, attempt));
        }
        done
    };
    let mut attempts = Vec::new();
    thread::scope(|scope| {
        let threads = 0..options.test_threads.max(1);
        let workers: Vec<_> = threads.map(|_| scope.spawn(work)).collect();
        for worker in workers {
            attempts.extend(worker.join().expect("a row's panic is caught"));
        }
    });
    attempts.sort_by_key(|(index, ..)| *index);
    let in_order = attempts.into_iter();
    in_order.map(|(_, row, attempt)| (row, attempt)).collect()
}

/// A panic, of the fake GitLab for one, is the row's failure and not the end of the others.
fn attempt_or_panic(row: &Row, places: &Places, keep: bool) -> Attempt {
    let attempt = catch_unwind(AssertUnwindSafe(|| attempt::attempt(row, places, keep)));
    attempt.unwrap_or_else(|payload| {
        let message = payload.downcast_ref::<String>();
        let message = message.map_or("a panic, printed above", String::as_str);
        Attempt {
            verdict: Verdict::Failed(message.to_owned()),
            version: None,
        }
    })
}
