//! One connection of a session: its current pair, and what was tried for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::flight::Flight;
use super::freshness::{Freshness, stands};
use super::pace::{Moment, Pace, Urgency};
use super::recovery::{Recovery, Step};
use super::source::{CredentialError, Rejection};
use super::store::Stored;
use super::wanted::{Outcome, credential};
use crate::clock::Timestamp;
use crate::credential::Credential;

/// One connection.
pub(super) struct Slot {
    /// The current pair; only a newer state replaces it.
    pub(super) current: ArcSwap<Credential>,
    /// At most one refresh at a time.
    pub(super) flight: Flight<Outcome>,
    state: Mutex<State>,
}

/// What was tried for a connection, and the results. The lock is held for a moment only, and a
/// request with a fresh token does not take it.
#[derive(Default)]
pub(super) struct State {
    pub(super) pace: Pace,
    pub(super) recovery: Recovery,
}

impl Slot {
    pub(super) fn new(stored: &Stored) -> Self {
        Self {
            current: ArcSwap::new(credential(stored)),
            flight: Flight::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        stands(&self.current.load(), Timestamp::now()) == Freshness::Expired
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can leave a wrong count or pause behind: at worst the next try
        // comes too early or too late. There are no tokens in this state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do after a 401.
    pub(super) fn after(&self, rejection: Rejection, refused: &Credential, attempt: u32) -> Step {
        let mut state = self.state();
        let State { pace, recovery } = &mut *state;
        recovery.after(rejection, refused, attempt, pace, Moment::now())
    }

    /// Takes `candidate` if it is newer than the current credential; returns the newer of the two.
    pub(super) fn adopt(&self, candidate: &Arc<Credential>) -> Arc<Credential> {
        // A reload and a refresh may come here at the same time. `rcu` compares again if the value
        // was changed in between, so an older state never replaces a newer one.
        self.current.rcu(|current| {
            Arc::clone(if candidate.generation > current.generation {
                candidate
            } else {
                current
            })
        });
        self.current.load_full()
    }

    pub(super) fn note(&self, outcome: &Outcome) {
        match outcome {
            Ok(renewed) => {
                self.state().pace.succeed();
                self.adopt(renewed);
            }
            // The current pair stays: if the refresh failed for a passing reason, the pair works
            // until it expires.
            Err(error) => self.state().pace.fail(error, Moment::now()),
        }
    }

    /// The last failure, while it is too early for another try.
    pub(super) fn paused(&self, urgency: Urgency) -> Option<CredentialError> {
        self.state().pace.paused(urgency, Moment::now())
    }
}
