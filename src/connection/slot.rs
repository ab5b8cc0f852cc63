//! One connection of a session: its current pair, and what was tried for it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
use crate::credential::{ConnectionId, Credential};
use crate::secret::Secret;

/// How many replaced pairs of a connection are remembered.
const MAX_EARLIER: usize = 4;

/// One connection.
pub(super) struct Slot {
    /// The current pair; only a newer state replaces it.
    pub(super) current: ArcSwap<Credential>,
    /// The pairs that it has replaced, the last one at the end. A provider may accept an access
    /// token until it expires, whatever has replaced it.
    earlier: Mutex<VecDeque<Arc<Credential>>>,
    /// Whether a request of this session was sent with a pair of it.
    is_used: AtomicBool,
    changes: Arc<AtomicU64>,
    /// At most one refresh at a time.
    pub(super) flight: Flight<Outcome>,
    /// At most one look for a new login at a time.
    pub(super) login: Flight<()>,
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
    /// `changes` counts, for all slots of a session, what changes [`Self::secrets`].
    pub(super) fn new(stored: &Stored, changes: Arc<AtomicU64>) -> Self {
        Self {
            current: ArcSwap::new(credential(stored)),
            earlier: Mutex::default(),
            is_used: AtomicBool::new(false),
            changes,
            flight: Flight::new(),
            login: Flight::new(),
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

    /// Takes `candidate` if it is newer than the current credential, and was made for the same
    /// routes; returns the one in force. A session goes on sending requests where it did, and what
    /// was made for another server must not come along.
    pub(super) fn adopt(&self, candidate: &Arc<Credential>) -> Arc<Credential> {
        // A reload and a refresh may come here at the same time. `rcu` compares again if the value
        // was changed in between, so an older state never replaces a newer one.
        let before = self.current.rcu(|current| {
            Arc::clone(if replaces(candidate, current) {
                candidate
            } else {
                current
            })
        });
        if replaces(candidate, &before) {
            let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
            if earlier.len() == MAX_EARLIER {
                earlier.pop_front();
            }
            earlier.push_back(before);
            drop(earlier);
            self.changes.fetch_add(1, Ordering::Release);
        }
        self.current.load_full()
    }

    /// The same, for those who need the newest state: an error if that one was not taken.
    pub(super) fn take(&self, id: &ConnectionId, candidate: &Arc<Credential>) -> Outcome {
        let current = self.adopt(candidate);
        if current.generation < candidate.generation {
            return Err(CredentialError::Moved { id: id.clone() });
        }
        Ok(current)
    }

    /// A request is about to be sent with a pair of it.
    pub(super) fn use_now(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
            self.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// The secrets of the current pair and of those that it has replaced. None before the first
    /// use: what was never sent cannot come back.
    pub(super) fn secrets(&self) -> Vec<Secret<String>> {
        if !self.is_used.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        let known = std::iter::once(&*current).chain(earlier.iter());
        known
            .flat_map(|credential| credential.secrets.iter().cloned())
            .collect()
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

fn replaces(candidate: &Credential, current: &Credential) -> bool {
    candidate.generation > current.generation && candidate.is_for_routes_of(current)
}

#[cfg(test)]
mod tests {
    use authsome_providers::{RoutePattern, Scheme};

    use super::*;
    use crate::connection::sample;
    use crate::connection::terms::{DefinitionUsed, Terms};

    #[test]
    fn a_login_for_other_routes_does_not_replace_a_pair() {
        let route = |host: &str, path: &str| RoutePattern {
            scheme: Scheme::Https,
            host: host.parse().unwrap(),
            port: 443,
            path_prefix: path.to_owned(),
        };
        let (_, _, mut stored) = sample::stored();
        let mut made_for = |routes: &[RoutePattern]| {
            stored.connection.terms = Some(Terms {
                routes: routes.to_vec(),
                definition: DefinitionUsed::Bundled,
                allowed_guards: Vec::new(),
            });
            stored.generation += 1;
            stored.clone()
        };
        let first = made_for(&[route("a.test", "/api")]);
        let slot = Slot::new(&first, Arc::default());
        let id = first.connection.id.clone();
        for (routes, is_taken) in [
            (vec![route("b.test", "/api")], false),
            (vec![route("a.test", "/other")], false),
            (vec![route("a.test", ""), route("b.test", "")], true),
        ] {
            let taken = slot.take(&id, &credential(&made_for(&routes)));
            assert_eq!(taken.is_ok(), is_taken, "{routes:?}");
        }
    }
}
