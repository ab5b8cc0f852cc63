//! One piece of work for many callers: the first one starts it, all wait for the same outcome, and
//! a caller that stops waiting does not stop the work.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// At most one piece of work at a time, whose outcome all callers share.
///
/// ```text
/// empty ──────┬── join: start the work ──→ running ─┬─ it ends: all who wait get its outcome → done
/// done, dead ─┘                             │  ↑    └─ it panics: all who wait get None → dead
///                                           └──┘ join: wait for the same outcome
/// ```
///
/// A caller that comes after the end does not get that outcome, but starts the work again. It has a
/// newer reason, such as a 401 for the very pair that the earlier work brought.
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

    /// Joins the running work, or starts `work`. `None` if the work ended without an outcome.
    pub(super) fn join<F, W>(
        &self,
        work: F,
    ) -> impl Future<Output = Option<T>> + Send + use<T, F, W>
    where
        F: FnOnce() -> W,
        W: Future<Output = T> + Send + 'static,
    {
        // The check and the start happen under one lock, which is not held across an await: of two
        // callers at the same time, one starts the work and the other joins it. All of this is done
        // when `join` returns. The future that it returns only waits, and may be dropped.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // `has_changed` fails once the sender is gone. If it is gone without a value, the work has
        // panicked: nobody may wait for it, and the next caller starts again.
        let under_way = current
            .as_ref()
            .filter(|receiver| receiver.borrow().is_none() && receiver.has_changed().is_ok());
        let mut receiver = if let Some(receiver) = under_way {
            receiver.clone()
        } else {
            let (sender, receiver) = watch::channel(None);
            let work = work();
            // A task of its own: the client whose request started a refresh may disconnect, and the
            // response to the token request has the only copy of the next refresh token.
            tokio::spawn(async move { sender.send_replace(Some(work.await)) });
            *current = Some(receiver.clone());
            receiver
        };
        async move {
            receiver
                // This is ready at once if the value is there already. An error means that the
                // sender is gone. There is no timeout here, since the work has its own for requests
                // and locks.
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
        drop(first); // the caller that started it stops waiting
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
