//! Whether a stream moves, and a timer for use inside a task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop;
use tokio::time::Sleep;

/// How often a stream is checked within the time that it may be idle. An idle stream is noticed
/// late by at most one interval between two checks.
const LOOKS: u32 = 4;

/// Whether a stream has moved since it was last checked. Recording a movement does not read the
/// clock.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Activity(Arc<AtomicBool>);

impl Activity {
    pub(in crate::proxy) fn new() -> Self {
        Self::default()
    }

    pub(super) fn moved(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Runs `work` until it ends, or its stream has not moved for `limit`; `None` in the latter
    /// case. The work is borrowed: if it were moved in here, each connection would reserve space
    /// for it twice.
    pub(in crate::proxy) async fn unless_idle<T>(
        &self,
        limit: Duration,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut clock = Clock::new(limit / LOOKS);
        let mut quiet = 0;
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            while clock.has_ended(context) {
                let has_moved = self.0.swap(false, Ordering::Relaxed);
                quiet = if has_moved { 0 } else { quiet + 1 };
                if quiet == LOOKS {
                    return Poll::Ready(None);
                }
                clock.start(limit / LOOKS);
            }
            Poll::Pending
        })
        .await
    }
}

/// A timer for use inside one task. It is polled when it is started, and not again until it has
/// ended: the waker that it keeps stays valid only as long as the same task polls it.
#[derive(Debug)]
pub(in crate::proxy) struct Clock {
    sleep: Pin<Box<Sleep>>,
    is_polled: bool,
}

impl Clock {
    pub(in crate::proxy) fn new(limit: Duration) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(limit)),
            is_polled: false,
        }
    }

    /// Whether it has ended. If not, the task is woken when it does.
    pub(in crate::proxy) fn has_ended(&mut self, context: &mut Context<'_>) -> bool {
        if !self.is_polled {
            // If tokio's cooperative budget is used up, this poll wakes the task at once and does
            // not register the timer, so it must be polled again.
            self.is_polled = coop::has_budget_remaining();
            return self.sleep.as_mut().poll(context).is_ready();
        }
        self.sleep.is_elapsed()
    }

    /// Starts it again.
    pub(in crate::proxy) fn start(&mut self, limit: Duration) {
        self.sleep
            .as_mut()
            .reset(tokio::time::Instant::now() + limit);
        self.is_polled = false;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn movement_puts_the_end_off() {
        let activity = Activity::new();
        let limit = Duration::from_secs(10);
        let moving = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                activity.moved();
            }
        };
        assert!(activity.unless_idle(limit, pin!(moving)).await.is_some());
        let still = tokio::time::sleep(Duration::from_secs(1000));
        assert!(activity.unless_idle(limit, pin!(still)).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_started_with_the_budget_spent_ends_in_time() {
        let limit = Duration::from_secs(1);
        let (begin, mut clock) = (Instant::now(), Clock::new(limit));
        let mut is_spent = false;
        let waiting = poll_fn(|context| {
            while !is_spent && coop::has_budget_remaining() {
                let _ = pin!(coop::consume_budget()).poll(context);
            }
            is_spent = true;
            if clock.has_ended(context) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let waited = tokio::time::timeout(2 * limit, waiting).await;
        assert!(waited.is_ok() && begin.elapsed() < 2 * limit);
    }
}
