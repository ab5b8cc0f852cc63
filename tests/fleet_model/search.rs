//! Every state that can be reached in so many steps, the nearest first.

use std::collections::{HashMap, VecDeque};

use crate::faults::Fault;
use crate::state::State;

/// What was found.
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) depth: usize,
    /// The promise that does not hold, and the steps that lead there.
    pub(crate) broken: Option<(&'static str, Vec<String>)>,
}

/// Searches until a promise is broken, or all of those states are known.
pub(crate) fn search(fault: Fault, steps: usize) -> Found {
    let mut known: HashMap<State, Option<(State, String)>> = HashMap::new();
    let mut queue = VecDeque::new();
    for first in State::first() {
        known.insert(first.clone(), None);
        queue.push_back((first, 0));
    }
    let mut depth = 0;
    while let Some((state, at)) = queue.pop_front() {
        depth = depth.max(at);
        if let Some(promise) = state.broken() {
            let steps = path(&known, &state);
            return Found {
                states: known.len(),
                depth,
                broken: Some((promise, steps)),
            };
        }
        if at == steps {
            continue;
        }
        for (name, next) in state.steps(fault) {
            if !known.contains_key(&next) {
                known.insert(next.clone(), Some((state.clone(), name)));
                queue.push_back((next, at + 1));
            }
        }
    }
    Found {
        states: known.len(),
        depth,
        broken: None,
    }
}

fn path(known: &HashMap<State, Option<(State, String)>>, last: &State) -> Vec<String> {
    let mut steps = Vec::new();
    let mut state = last;
    while let Some(Some((before, name))) = known.get(state) {
        steps.push(name.clone());
        state = before;
    }
    steps.reverse();
    steps
}
