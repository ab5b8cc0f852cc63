//! The list of what waits, and how each of it ends.
//!
//! ```text
//!            place                 decide: once, run → the request goes on
//! request ──────────→ waiting ──┬─ decide: no        → refused, with the user's reason
//!                               ├─ the time is over  → refused, with what to do
//!                               └─ the client leaves → gone
//! ```
//!
//! What waits is the request itself, so a yes is about nothing else. Its place in the list is a
//! guard: however the request ends, the guard takes it out.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::decision::{Decision, NotDecided};
use super::lift::{Lift, LiftExtent, Lifts, NotLifted};
use super::request::{PendingKind, PendingRequest, RefusedRequest, Wanted, WantedError};
use crate::clock::Timestamp;
use crate::proxy::limits::{
    DEFAULT_ASK_TIMEOUT, MAX_ASKING, MAX_PARKED, MAX_REMEMBERED_REFUSALS, MAX_WANTED,
};

/// How long requests wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingOptions {
    /// For a login; `None` if none waits.
    pub park: Option<Duration>,
    /// For a decision.
    pub ask: Duration,
}

impl Default for PendingOptions {
    fn default() -> Self {
        Self {
            park: None,
            ask: DEFAULT_ASK_TIMEOUT,
        }
    }
}

/// What waits for the user in one session.
#[derive(Debug)]
pub struct Pending {
    options: PendingOptions,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    waiting: BTreeMap<u64, Entry>,
    refused: VecDeque<RefusedRequest>,
    wanted: Vec<Wanted>,
    /// What the user has allowed for this run.
    allowed: HashSet<String>,
    lifts: Lifts,
}

#[derive(Debug)]
struct Entry {
    request: PendingRequest,
    /// What a yes for the run is about.
    subject: String,
    answer: Option<oneshot::Sender<Decision>>,
}

/// What is to wait. The list sets its ID and its times.
pub(in crate::proxy) struct Parking {
    pub(in crate::proxy) request: PendingRequest,
    /// What a yes for the run is about: connection, method and path.
    pub(in crate::proxy) subject: String,
}

/// The place of one request in the list. Dropping it takes the request out.
#[derive(Debug)]
pub(in crate::proxy) struct Placed {
    pending: Arc<Pending>,
    number: u64,
    answer: oneshot::Receiver<Decision>,
}

impl Pending {
    /// An empty list.
    pub fn new(options: PendingOptions) -> Arc<Self> {
        Arc::new(Self {
            options,
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        })
    }

    /// How long requests wait.
    pub fn options(&self) -> PendingOptions {
        self.options
    }

    /// Changes its value whenever something begins or ends to wait, or is asked for.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What waits, the oldest first.
    pub fn waiting(&self) -> Vec<PendingRequest> {
        let state = self.state();
        let waiting = state.waiting.values();
        waiting.map(|entry| entry.request.clone()).collect()
    }

    /// The latest refusals, the newest first.
    pub fn refused(&self) -> Vec<RefusedRequest> {
        self.state().refused.iter().rev().cloned().collect()
    }

    /// What programs have asked the user for, the oldest first.
    pub fn wanted(&self) -> Vec<Wanted> {
        self.state().wanted.clone()
    }

    /// What the user says about the request with that ID.
    ///
    /// # Errors
    ///
    /// It does not wait, or not for a decision.
    pub fn decide(&self, id: &str, decision: Decision) -> Result<PendingRequest, NotDecided> {
        let mut state = self.state();
        let entry = state.waiting.values_mut().find(|it| it.request.id == id);
        let entry = entry.ok_or(NotDecided::Gone)?;
        if entry.request.kind == PendingKind::Login {
            return Err(NotDecided::NeedsLogin);
        }
        let answer = entry.answer.take().ok_or(NotDecided::Gone)?;
        let (request, subject) = (entry.request.clone(), entry.subject.clone());
        let is_for_run = decision == Decision::Run;
        // The client may have left at this very moment.
        answer.send(decision).map_err(|_| NotDecided::Gone)?;
        if is_for_run {
            state.allowed.insert(subject);
        }
        Ok(request)
    }

    /// Whether the user has allowed that for this run.
    pub(in crate::proxy) fn is_allowed(&self, subject: &str) -> bool {
        self.state().allowed.contains(subject)
    }

    /// Lifts the guard rule by which a request was refused: for the next one like it, or for the
    /// run.
    ///
    /// # Errors
    ///
    /// No such request was refused of late, or the rule cannot be lifted so.
    pub fn lift(&self, lift: Lift, extent: LiftExtent) -> Result<(), NotLifted> {
        let mut state = self.state();
        let refused = state.refused.iter().rev();
        let mut alike = refused.filter(|refused| lift.is_of(refused));
        let found = alike.next().ok_or(NotLifted::Gone)?;
        if !found.is_liftable {
            return Err(NotLifted::NotAlone);
        }
        state.lifts.add(lift, extent)
    }

    /// Whether the user has lifted the rule for that request. One that was lifted once is not any
    /// more.
    pub(in crate::proxy) fn takes_lift(&self, lift: &Lift) -> bool {
        self.state().lifts.take(lift)
    }

    /// A place in the list; `None` if as many wait as may.
    pub(in crate::proxy) fn place(self: &Arc<Self>, parking: Parking) -> Option<Placed> {
        let Parking {
            mut request,
            subject,
        } = parking;
        let (most, wait) = match request.kind {
            PendingKind::Login => (MAX_PARKED, self.options.park?),
            PendingKind::Decision => (MAX_ASKING, self.options.ask),
        };
        let mut state = self.state();
        let alike = state.waiting.values();
        if alike.filter(|it| it.request.kind == request.kind).count() >= most {
            return None;
        }
        state.last += 1;
        let number = state.last;
        let now = Timestamp::now();
        let digest = request.sha256.as_deref().unwrap_or_default();
        request.id = match digest.get(..DIGITS) {
            Some(start) => format!("{number}-{start}"),
            None => number.to_string(),
        };
        (request.since, request.until) = (now.to_string(), now.plus(wait).to_string());
        let (sender, answer) = oneshot::channel();
        let entry = Entry {
            request,
            subject,
            answer: Some(sender),
        };
        state.waiting.insert(number, entry);
        drop(state);
        self.tell();
        Some(Placed {
            pending: Arc::clone(self),
            number,
            answer,
        })
    }

    /// Remembers a refusal.
    pub(in crate::proxy) fn refuse(&self, refused: RefusedRequest) {
        let mut state = self.state();
        if state.refused.len() == MAX_REMEMBERED_REFUSALS {
            state.refused.pop_front();
        }
        state.refused.push_back(refused);
    }

    /// Takes what a program asks the user for. The same wish again is the same one.
    pub(in crate::proxy) fn want(&self, mut wanted: Wanted) -> Result<Wanted, WantedError> {
        let mut state = self.state();
        let is_same = |known: &&Wanted| {
            known.provider == wanted.provider
                && known.connection == wanted.connection
                && known.scopes == wanted.scopes
        };
        if let Some(known) = state.wanted.iter().find(is_same) {
            return Ok(known.clone());
        }
        if state.wanted.len() >= MAX_WANTED {
            return Err(WantedError::TooMany);
        }
        wanted.id = state.wanted.len() as u64 + 1;
        wanted.time = Timestamp::now().to_string();
        state.wanted.push(wanted.clone());
        drop(state);
        self.tell();
        Ok(wanted)
    }

    fn tell(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many digits of the digest an ID has.
const DIGITS: usize = 8;

impl Placed {
    /// The ID of the request.
    #[cfg(test)]
    fn id(&self) -> String {
        let state = self.pending.state();
        let entry = state.waiting.get(&self.number);
        entry.map_or_else(String::new, |entry| entry.request.id.clone())
    }

    /// What the user says; `None` if nothing in time.
    pub(in crate::proxy) async fn answer(mut self) -> Option<Decision> {
        let wait = self.pending.options.ask;
        let answer = tokio::time::timeout(wait, &mut self.answer).await;
        answer.ok()?.ok()
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.pending.state().waiting.remove(&self.number);
        self.pending.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(path: &str, sha256: &str) -> Parking {
        Parking {
            request: PendingRequest {
                id: String::new(),
                kind: PendingKind::Decision,
                since: String::new(),
                until: String::new(),
                connection: None,
                method: "POST".to_owned(),
                host: "gitlab.test:443".to_owned(),
                path: path.to_owned(),
                query: None,
                rule: None,
                exception: None,
                reason: String::new(),
                sha256: Some(sha256.to_owned()),
                body: None,
                programs: Vec::new(),
            },
            subject: path.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_yes_is_about_one_request_and_ends_its_wait() {
        let pending = Pending::new(PendingOptions::default());
        let one = pending.place(asking("/a", "0123456789")).unwrap();
        let other = pending.place(asking("/a", "9876543210")).unwrap();
        assert_ne!(one.id(), other.id());
        let unknown = pending.decide("1-98765432", Decision::Once);
        assert_eq!(unknown, Err(NotDecided::Gone));
        pending.decide(&one.id(), Decision::Once).unwrap();
        let again = pending.decide(&one.id(), Decision::Once);
        assert_eq!(again, Err(NotDecided::Gone));
        assert_eq!(one.answer().await, Some(Decision::Once));
        assert_eq!(pending.waiting().len(), 1);
        assert!(!pending.is_allowed("/a"));
        pending.decide(&other.id(), Decision::Run).unwrap();
        assert!(pending.is_allowed("/a"));
        drop(other);
        assert!(pending.waiting().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_only_so_many_wait() {
        let pending = Pending::new(PendingOptions::default());
        let all: Vec<_> = (0..MAX_ASKING)
            .map(|_| pending.place(asking("/", "0123456789")).unwrap())
            .collect();
        assert!(pending.place(asking("/", "0123456789")).is_none());
        drop(all);
        let one = pending.place(asking("/", "0123456789")).unwrap();
        assert_eq!(one.answer().await, None);
        assert!(pending.waiting().is_empty());
    }
}
