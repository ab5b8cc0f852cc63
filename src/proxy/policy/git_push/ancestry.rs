//! Whether an old commit is an ancestor of a new one, as far as the commits of a pack show it.
//!
//! An id is the hash of a commit with its parents' ids, so a chain from the new id to the old one
//! is a proof, whoever sent the pack and however the server reads it. (For SHA-1, as far as servers
//! detect collisions, which git's do.)

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::commit::Commit;
use super::object_id::ObjectId;
use crate::proxy::limits::{MAX_PUSH_COMMITS, MAX_PUSH_PARENTS, MAX_PUSH_STEPS};

/// An update whose proof is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Update {
    /// Which command it is.
    pub(super) command: usize,
    pub(super) old: ObjectId,
    pub(super) new: ObjectId,
}

/// What is known of an update that is not shown to be a fast-forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotShown {
    /// Its history goes on outside of the pack, or was too much to follow.
    Undecided,
    /// All of its history is in the pack, and the old commit is not in it.
    NotFastForward,
}

/// Commits, and the updates that wait for their proof.
#[derive(Debug)]
pub(super) struct Ancestry {
    commits: HashMap<ObjectId, Range<usize>>,
    /// The parents of all commits.
    parents: Vec<ObjectId>,
    /// Commits that count as commits without parents.
    shallow: HashSet<ObjectId>,
    waiting: Vec<Update>,
    /// How many steps may still be taken from commit to commit.
    steps: usize,
    /// A limit was reached, so what follows is not known.
    is_full: bool,
}

/// Where a walk has led.
enum Walk {
    Reached,
    Ended(NotShown),
}

impl Ancestry {
    pub(super) fn new(waiting: Vec<Update>, shallow: HashSet<ObjectId>) -> Self {
        Self {
            commits: HashMap::new(),
            parents: Vec::new(),
            shallow,
            waiting,
            steps: MAX_PUSH_STEPS,
            is_full: false,
        }
    }

    /// Whether all updates are fast-forwards.
    pub(super) fn all_shown(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a commit.
    pub(super) fn add(&mut self, commit: Commit) {
        let Commit { id, parents } = commit;
        if self.commits.len() == MAX_PUSH_COMMITS
            || self.parents.len() + parents.len() > MAX_PUSH_PARENTS
        {
            self.is_full = true;
            return;
        }
        if self.shallow.contains(&id) || self.commits.contains_key(&id) {
            return;
        }
        let begin = self.parents.len();
        self.parents.extend_from_slice(&parents);
        self.commits.insert(id, begin..self.parents.len());
    }

    /// Follows all chains, when the commits have probably ended.
    pub(super) fn follow(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|update| !matches!(self.walk(*update), Walk::Reached));
        self.waiting = waiting;
    }

    /// What each update lacks that waits still, by its command. What is not known by now never
    /// will.
    pub(super) fn not_shown(&mut self) -> Vec<(usize, NotShown)> {
        let waiting = std::mem::take(&mut self.waiting);
        let walks = waiting
            .into_iter()
            .filter_map(|update| match self.walk(update) {
                Walk::Reached => None,
                Walk::Ended(why) => Some((update.command, why)),
            });
        walks.collect()
    }

    /// Walks from the new commit through its history in the pack.
    fn walk(&mut self, update: Update) -> Walk {
        if self.steps == 0 {
            return Walk::Ended(NotShown::Undecided);
        }
        let mut seen = HashSet::from([update.new]);
        let mut open = vec![update.new];
        let mut is_closed = !self.is_full;
        while let Some(id) = open.pop() {
            if id == update.old {
                return Walk::Reached;
            }
            let Some(parents) = self.commits.get(&id) else {
                is_closed = false;
                continue;
            };
            let parents = &self.parents[parents.clone()];
            self.steps = self.steps.saturating_sub(parents.len() + 1);
            if self.steps == 0 {
                return Walk::Ended(NotShown::Undecided);
            }
            open.extend(parents.iter().filter(|parent| seen.insert(**parent)));
        }
        Walk::Ended(if is_closed {
            NotShown::NotFastForward
        } else {
            NotShown::Undecided
        })
    }
}
