//! What the server has told of changes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::vault::changes::{Changed, Changes};

/// How many changes are kept for a session that is slow to take them.
const MAX_CHANGES: usize = 256;

/// What the server has told of changes.
pub(super) struct Told {
    count: Mutex<u64>,
    changed: Condvar,
    followers: broadcast::Sender<Changed>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            count: Mutex::default(),
            changed: Condvar::default(),
            followers: broadcast::Sender::new(MAX_CHANGES),
        }
    }
}

impl Told {
    fn count(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, changed: &Changed) {
        *self.count() += 1;
        let _ = self.followers.send(changed.clone()); // perhaps nobody listens
        self.changed.notify_all();
    }

    /// Those that are told from now on.
    pub(super) fn follow(&self) -> Changes {
        Changes(self.followers.subscribe())
    }

    /// Waits for another change than those that were seen, for that long at most.
    pub(super) fn wait(&self, seen: u64, limit: Duration) {
        let is_same = |count: &mut u64| *count == seen;
        let waited = self
            .changed
            .wait_timeout_while(self.count(), limit, is_same);
        drop(waited);
    }

    /// How many were told so far.
    pub(super) fn seen(&self) -> u64 {
        *self.count()
    }
}
