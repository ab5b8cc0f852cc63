//! The right to renew a record, which one process has at a time.

use std::fmt;
use std::time::Duration;

use super::VaultError;

/// The right to renew a record. It is released when this is dropped. If the process dies, a lock of
/// this machine is free at once, and a lease in a database once it has expired.
#[derive(Debug)]
pub struct RecordLock {
    held: Box<dyn Held>,
}

/// Which acquisition of a lease a holder has. A write under a lease names it, and is refused if
/// somebody else has acquired the lease since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) name: String,
    pub(super) owner: String,
    /// It grows with each acquisition, whoever makes it.
    pub(super) fence: i64,
}

/// Anything that holds a lock until it is dropped.
pub(super) trait Held: fmt::Debug + Send {
    /// Which acquisition it is; `None` for a lock that cannot be lost.
    fn claim(&self) -> Option<Claim> {
        None
    }

    /// Makes sure that the lock is held for as long as a request may take, and returns how long
    /// that is; `None` for a lock that cannot be lost.
    fn extend(&mut self) -> Result<Option<Duration>, VaultError> {
        Ok(None)
    }
}

impl RecordLock {
    pub(super) fn new(held: impl Held + 'static) -> Self {
        Self {
            held: Box::new(held),
        }
    }

    /// Which acquisition of a lease it is; `None` for a lock that cannot be lost.
    pub fn claim(&self) -> Option<Claim> {
        self.held.claim()
    }

    /// Makes sure that the lock is held for one more request, and returns how long that request may
    /// take; `None` if any time is fine. [`VaultError::LeaseLost`] if somebody else may have the
    /// lock by now: no request may be made. Blocks the thread.
    pub fn extend(&mut self) -> Result<Option<Duration>, VaultError> {
        self.held.extend()
    }
}
