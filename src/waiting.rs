//! Timeouts that do not count time in which this process was stopped.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// The steps in which a timeout is counted.
const STEP: Duration = Duration::from_millis(250);

/// The output of `work`, or `None` if it takes longer than `limit`.
///
/// When a stopped process continues (after Ctrl-Z, or in a container that was frozen), its timers
/// have run out, although the response may be in the socket, unread. So the time is counted in
/// steps, and a step that ended late is not counted: after each stop there is time left to read.
pub(crate) async fn at_most<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut left = limit;
    loop {
        let step = left.min(STEP);
        let begun = Instant::now();
        if let Ok(output) = timeout(step, work.as_mut()).await {
            return Some(output);
        }
        if begun.elapsed() < step + STEP {
            left = left.saturating_sub(step);
        }
        if left.is_zero() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ends_at_its_limit() {
        let begun = Instant::now();
        let limit = Duration::from_millis(1100);
        assert_eq!(at_most(limit, pending::<()>()).await, None);
        assert_eq!(begun.elapsed(), limit);
        assert_eq!(at_most(Duration::ZERO, ready(7)).await, Some(7));
    }

    #[tokio::test]
    async fn a_stop_leaves_time_to_read() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let limit = Duration::from_millis(300);
        let waiting = tokio::spawn(at_most(limit, receiver));
        tokio::task::yield_now().await;
        // Nothing else runs meanwhile, as in a stopped process.
        std::thread::sleep(Duration::from_secs(1));
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            let _ = sender.send(7);
        });
        assert_eq!(waiting.await.unwrap(), Some(Ok(7)));
    }
}
