//! One piece of work for many who need its result: the first starts it, all wait for the same
//! outcome, and nobody who leaves stops it.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// At most one piece of work at a time, whose outcome all share.
///
/// ```text
/// empty ─────┬── join: spawn the work ──→ under way ─┬─ its outcome: all who wait get it → done
/// done, dead ┘                              │  ↑     └─ it panics: all who wait get None → dead
///                                           └──┘ join: wait for the same outcome
/// ```
///
/// An outcome that is there is not given to those who come later: they have a newer reason, such as
/// a 401 for the very pair that this work brought.
#[derive(Debug)]
pub(super) struct Flight<T> {
    current: Mutex<Option<watch::Receiver<Option<T>>>>,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    pub(super) fn new() -> Self {
        Self {
            current: Mutex::new(None),
        }
    }

    /// Joins the work under way, or starts `work`. `None` where the work died without an outcome.
    pub(super) fn join<F, W>(
        &self,
        work: F,
    ) -> impl Future<Output = Option<T>> + Send + use<T, F, W>
    where
        F: FnOnce() -> W,
        W: Future<Output = T> + Send + 'static,
    {
        // The look and the start are under one lock, which is held across no await: of two who come
        // at one time, one starts the work and the other joins it. All of this is done when `join`
        // is called; what it returns only waits, and may be dropped.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // `has_changed` fails once the sender is gone. One that is gone without a value panicked:
        // nobody may wait for it, and the next caller starts anew.
        let under_way = current
            .as_ref()
            .filter(|receiver| receiver.borrow().is_none() && receiver.has_changed().is_ok());
        let mut receiver = if let Some(receiver) = under_way {
            receiver.clone()
        } else {
            let (sender, receiver) = watch::channel(None);
            let work = work();
            // A task of its own: the client whose request started a refresh may hang up, and the
            // response to what was sent has the only copy of the next refresh token.
            tokio::spawn(async move { sender.send_replace(Some(work.await)) });
            *current = Some(receiver.clone());
            receiver
        };
        async move {
            receiver
                // Ready at once where the value came before the wait; an error means that the
                // sender is gone. The wait has no bound of its own: the work bounds its requests
                // and its locks.
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|outcome| outcome.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_passengers_one_flight() {
        let flight = Flight::new();
        let starts = Arc::new(AtomicU32::new(0));
        let work = || {
            let starts = Arc::clone(&starts);
            async move {
                tokio::task::yield_now().await;
                starts.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let (first, second) = (flight.join(work), flight.join(work));
        drop(first); // the one who started it leaves
        assert_eq!(second.await, Some(1));
        assert_eq!(
            flight.join(work).await,
            Some(2),
            "what has landed is not joined"
        );
    }

    #[tokio::test]
    async fn a_crash_strands_nobody() {
        let flight: Flight<u32> = Flight::new();
        let crashed = flight.join(|| async { panic!("on purpose") });
        assert_eq!(crashed.await, None);
        assert_eq!(flight.join(|| async { 7 }).await, Some(7));
    }
}
