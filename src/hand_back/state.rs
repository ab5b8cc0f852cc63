//! What is to be handed back, and what has been.
//!
//! ```text
//! a new pair, or a look at the start ──→ waiting ─┬─ done ────→ (out)
//!                                          ↑      └─ failed ──→ failed ──┐
//!                                          └──── tried again at the end ─┘
//! ```
//!
//! An entry waits until its attempt has ended, so that an attempt which is interrupted is not
//! forgotten. If a newer pair comes meanwhile, the entry stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::HandBackError;
use crate::connection::Lineage;
use crate::credential::ConnectionId;

/// The connections to look at, each with the pair that has come, if one has.
pub(super) type Waiting = BTreeMap<ConnectionId, Option<Lineage>>;

/// Of one session.
#[derive(Default)]
pub(super) struct State {
    waiting: Waiting,
    failed: BTreeMap<ConnectionId, Failed>,
    /// Those for which a request may be under way.
    pub(super) renewing: BTreeSet<ConnectionId>,
    /// Those whose pair another job has renewed.
    pub(super) adopted: BTreeSet<ConnectionId>,
    /// Those that the session has written to the target.
    pub(super) written: BTreeSet<ConnectionId>,
    /// Those that the home names as not handed back, by this session or by one before.
    marked: BTreeSet<ConnectionId>,
}

struct Failed {
    expected: Option<Lineage>,
    error: Arc<HandBackError>,
}

impl State {
    /// Lets a connection be looked at.
    pub(super) fn wait_for(&mut self, id: &ConnectionId, expected: Option<Lineage>) {
        self.waiting.insert(id.clone(), expected);
    }

    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// A session before this one has named it.
    pub(super) fn found_mark(&mut self, id: &ConnectionId) {
        self.marked.insert(id.clone());
    }

    /// The attempt for that pair has ended.
    pub(super) fn settle(
        &mut self,
        id: &ConnectionId,
        expected: Option<&Lineage>,
        failure: Option<Arc<HandBackError>>,
    ) {
        if self.waiting.get(id).map(Option::as_ref) == Some(expected) {
            self.waiting.remove(id);
        }
        match failure {
            None => drop(self.failed.remove(id)),
            Some(error) => {
                let expected = expected.cloned();
                self.failed.insert(id.clone(), Failed { expected, error });
            }
        }
    }

    /// Lets what has failed be tried again; whether there is something.
    pub(super) fn again(&mut self) -> bool {
        for (id, failed) in &self.failed {
            let expected = || failed.expected.clone();
            self.waiting.entry(id.clone()).or_insert_with(expected);
        }
        !self.failed.is_empty()
    }

    /// What is not handed back, and why.
    pub(super) fn rest(&self) -> Vec<(ConnectionId, Arc<HandBackError>)> {
        let failed = self.failed.iter();
        let failed = failed.map(|(id, failed)| (id.clone(), Arc::clone(&failed.error)));
        let waiting = self.waiting.keys();
        let untried = waiting.filter(|id| !self.failed.contains_key(*id));
        let given_up = untried.map(|id| (id.clone(), Arc::new(HandBackError::GivenUp)));
        failed.chain(given_up).collect()
    }

    /// Which connections the home has to name, and which not any more.
    pub(super) fn marks(&mut self) -> (BTreeSet<ConnectionId>, BTreeSet<ConnectionId>) {
        let renewed = self.waiting.iter().filter(|(_, pair)| pair.is_some());
        let present: BTreeSet<_> = renewed
            .map(|(id, _)| id)
            .chain(self.failed.keys())
            .chain(&self.renewing)
            .cloned()
            .collect();
        let is_settled =
            |id: &&ConnectionId| !present.contains(*id) && !self.waiting.contains_key(*id);
        // What another process has named is left to it.
        let absent: BTreeSet<_> = self.marked.iter().filter(is_settled).cloned().collect();
        self.marked.retain(|id| !absent.contains(id));
        self.marked.extend(present.iter().cloned());
        (present, absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ConnectionId {
        ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: name.parse().unwrap(),
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "what is compared may have no lineage"
    )]
    fn pair(rotation: u64) -> Option<Lineage> {
        Some(Lineage {
            grant: "00".to_owned(),
            rotation,
        })
    }

    #[test]
    fn a_pair_that_comes_during_an_attempt_waits_for_the_next_one() {
        let mut state = State::default();
        state.wait_for(&id("a"), pair(1));
        state.wait_for(&id("a"), pair(2));
        state.settle(&id("a"), pair(1).as_ref(), None);
        assert_eq!(state.waiting().len(), 1);
        state.settle(&id("a"), pair(2).as_ref(), None);
        assert!(state.rest().is_empty());
    }

    #[test]
    fn what_was_not_tried_to_the_end_is_not_handed_back() {
        let mut state = State::default();
        state.wait_for(&id("a"), pair(1));
        state.wait_for(&id("b"), None);
        let error = Some(Arc::new(HandBackError::NotYetStored));
        state.settle(&id("a"), pair(1).as_ref(), error);
        assert!(state.again());
        let rest = state.rest();
        let words: Vec<_> = rest.iter().map(|(_, error)| error.to_string()).collect();
        let of = |error: HandBackError| error.to_string();
        let expected = [HandBackError::NotYetStored, HandBackError::GivenUp].map(of);
        assert_eq!(words, expected);
    }

    #[test]
    fn the_home_names_what_may_be_only_there() {
        let mut state = State::default();
        let set = |names: &[&str]| names.iter().map(|name| id(name)).collect::<BTreeSet<_>>();
        state.renewing.insert(id("a"));
        state.wait_for(&id("b"), pair(1));
        state.wait_for(&id("c"), None); // a look at the start: nothing is known to be only here
        state.found_mark(&id("c"));
        assert_eq!(state.marks(), (set(&["a", "b"]), set(&[])));
        state.renewing.remove(&id("a"));
        state.settle(&id("b"), pair(1).as_ref(), None);
        assert_eq!(state.marks(), (set(&[]), set(&["a", "b"])));
        state.settle(&id("c"), None, Some(Arc::new(HandBackError::GivenUp)));
        assert_eq!(state.marks(), (set(&["c"]), set(&[])));
        state.settle(&id("c"), None, None);
        assert_eq!(state.marks(), (set(&[]), set(&["c"])));
    }
}
