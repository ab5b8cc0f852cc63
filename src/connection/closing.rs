//! The end of a session: running work is waited for, and no new work begins.
//!
//! ```text
//! open, n running ── begin ──→ open, n + 1           an UnderWay is dropped: n - 1
//!        │
//!        │ close
//!        ↓
//! closed, n running ── an UnderWay is dropped ──→ closed, n - 1 … closed, 0: all was done
//!        │
//!        └── the deadline ──→ not all was done
//! ```
//!
//! After `close`, `begin` returns `None`, and nothing opens it again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::waiting::at_most;

/// Shared by all work that the end of the session must not cut off.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    closed: bool,
    under_way: usize,
}

/// Running work; dropping it says that the work is done.
#[derive(Debug)]
pub(super) struct UnderWay {
    state: Arc<watch::Sender<State>>,
}

impl Closing {
    pub(super) fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }

    /// Registers work; `None` once the session ends.
    pub(super) fn begin(&self) -> Option<UnderWay> {
        // The check and the count are one step, so that no work can begin between the end of the
        // session and the look at how much is running.
        let begun = self.state.send_if_modified(|state| {
            let open = !state.closed;
            state.under_way += usize::from(open);
            open
        });
        begun.then(|| UnderWay {
            state: Arc::clone(&self.state),
        })
    }

    /// Whether the session is ending.
    pub(super) fn is_closed(&self) -> bool {
        self.state.borrow().closed
    }

    /// Sleeps, but wakes up when the session ends.
    pub(super) async fn sleep(&self, duration: Duration) {
        let mut watched = self.state.subscribe();
        // It does not matter which of the two ends the sleep: the caller asks `begin` whether the
        // session goes on.
        let _ = tokio::time::timeout(duration, watched.wait_for(|state| state.closed)).await;
    }

    /// Ends the session: waits for running work, at most for `deadline`. Returns whether all of it
    /// was done in time.
    pub(super) async fn close(&self, deadline: Duration) -> bool {
        self.state.send_modify(|state| state.closed = true);
        let mut watched = self.state.subscribe();
        // `at_most` does not count time in which this process was stopped: the response may be in
        // its socket. The deadline is for a server that never responds.
        at_most(deadline, watched.wait_for(|state| state.under_way == 0))
            .await
            .is_some()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // This also runs if the work panics, since unwinding drops the guard. So the end of the
        // session does not wait for work that has died.
        self.state.send_modify(|state| state.under_way -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_for_what_is_under_way_and_lets_nothing_new_begin() {
        let closing = Closing::new();
        let under_way = closing.begin().unwrap();
        let waiting = tokio::spawn({
            let closing = closing.clone();
            async move { closing.close(Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        assert!(closing.begin().is_none());
        drop(under_way);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_at_the_deadline_and_wakes_sleepers() {
        let closing = Closing::new();
        let _under_way = closing.begin().unwrap();
        assert!(!closing.close(Duration::from_secs(10)).await);
        let before = tokio::time::Instant::now();
        closing.sleep(Duration::from_secs(100)).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
