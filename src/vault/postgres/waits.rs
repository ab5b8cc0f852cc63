//! How often and how long this process has waited for other machines' renewals.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Waits for other machines' renewals that are not noted in the database yet.
#[derive(Default)]
pub(super) struct Waits {
    count: AtomicI64,
    milliseconds: AtomicI64,
}

impl Waits {
    pub(super) fn add(&self, waited: Duration) {
        let milliseconds = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// How many there were, and for how many milliseconds, since the last time.
    pub(super) fn take(&self) -> (i64, i64) {
        let count = self.count.swap(0, Ordering::Relaxed);
        (count, self.milliseconds.swap(0, Ordering::Relaxed))
    }
}
