//! Hands a new pair to where the next job finds it (`authsome run --on-rotate`).
//!
//! A CI job starts on an empty machine from a sealed export. A refresh spends the refresh token in
//! that export, so the new pair has to go back to where it came from. It does so once it is durable
//! in the job's own vault. The request that needed it does not wait for this.
//!
//! ```text
//!            ┌─ earlier ───→ ours is written there
//! there is ──┼─ the same ──→ nothing
//!            ├─ later ─────→ it is taken into our vault: another job has renewed it
//!            └─ of another login ──→ neither: that is said
//! ```
//!
//! This happens at the start, after each refresh, and at the end for what has failed. Before a
//! refresh, and between two tries of it, a later pair there is taken in first.
//!
//! What is written is sealed to the vault's own key, so that a job with the same master key opens
//! it, and to what the user has named. It has a code that only the master key makes, and what is
//! there must have one: whoever else can open a file could put another content behind its header.
//! Nobody who lacks the master key can make such a code, so nothing else is ever taken in.
//!
//! Until a new pair is there, the home says so, for a script that would remove it (`ledger.rs`).

mod command;
mod decide;
mod error;
mod file;
mod ledger;
mod rounds;
mod sealed;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod thread;
mod variable;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use url::Url;

pub use self::error::HandBackError;
use self::ledger::Ledger;
pub use self::ledger::note_imported;
use self::sealed::Sealing;
use self::state::State;
pub use self::target::Target;
use crate::age_file::Recipient;
use crate::audit::Audit;
use crate::child::Apart;
use crate::connection::{Connection, ConnectionStore, Elsewhere, LaterPair};
use crate::credential::ConnectionId;
use crate::env::programs::Programs;
use crate::oauth::HttpClients;
use crate::os::home::{Home, HomeError};

/// How long one attempt may take, unless the settings say otherwise: for a command to end, for
/// another process to give a file's lock back.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What the user has asked for.
#[derive(Clone, Debug)]
pub struct OnRotate {
    /// Where new pairs go.
    pub target: Target,
    /// Who else can open what is written there.
    pub recipients: Vec<Recipient>,
}

/// What a session gives.
pub struct Means {
    /// The home, which says what is not handed back yet.
    pub home: Home,
    /// The vault.
    pub store: ConnectionStore,
    /// The log.
    pub audit: Arc<Audit>,
    /// For a variable of a CI project.
    pub http: HttpClients,
    /// For a command.
    pub programs: Programs,
    /// Where the servers of the connections keep variables of CI projects.
    pub variables: BTreeMap<ConnectionId, Url>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// Hands the new pairs of one session back.
pub struct HandBack {
    target: Target,
    sealing: Sealing,
    ledger: Ledger,
    /// The connections of the session, those that have joined it and were renewed included.
    members: Mutex<BTreeSet<ConnectionId>>,
    means: Means,
    apart: OnceLock<Apart>,
    state: Arc<Mutex<State>>,
    wake: Notify,
    /// Held by one attempt at a time.
    turn: tokio::sync::Mutex<()>,
}

impl HandBack {
    /// For a session with those connections. Those that may not be at the target are looked at as
    /// soon as [`Self::serve`] runs. Reads the home.
    pub fn new<'a>(
        on_rotate: OnRotate,
        connections: impl IntoIterator<Item = &'a Connection>,
        means: Means,
    ) -> Self {
        let OnRotate { target, recipients } = on_rotate;
        let sealing = Sealing::new(means.store.export_keys(), recipients);
        let ledger = Ledger::of(&means.home);
        let marked = ledger.not_handed_back().unwrap_or_default();
        let mut state = State::default();
        let mut members = BTreeSet::new();
        for connection in connections {
            let id = &connection.id;
            let is_marked = marked.contains(&id.to_string());
            let is_unknown = match &target {
                // What the command has done with an earlier pair cannot be looked at.
                Target::Command(_) => !ledger.has(&target, id, &connection.tokens.lineage()),
                Target::File(_) => true,
                Target::Variable { .. } => means.variables.contains_key(id),
            };
            if is_marked || is_unknown {
                state.wait_for(id, None);
            }
            if is_marked {
                state.found_mark(id);
            }
            members.insert(id.clone());
        }
        let wake = Notify::new();
        wake.notify_one();
        Self {
            target,
            sealing,
            ledger,
            members: Mutex::new(members),
            means,
            apart: OnceLock::new(),
            state: Arc::new(Mutex::new(state)),
            wake,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// How commands are started, so that they are not taken for the run's own command.
    pub fn start_apart(&self, apart: Apart) {
        let _ = self.apart.set(apart); // the first one stays
    }

    /// The connections whose pair was renewed by another job and taken in.
    pub fn adopted(&self) -> Vec<ConnectionId> {
        self.state().adopted.iter().cloned().collect()
    }

    /// What is not handed back, and why. If [`Self::finish`] was not interrupted, all of it was
    /// tried.
    pub fn rest(&self) -> Vec<(ConnectionId, Arc<HandBackError>)> {
        self.state().rest()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn members(&self) -> MutexGuard<'_, BTreeSet<ConnectionId>> {
        locked(&self.members)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes into the home what may be only there. Blocks the thread.
fn mark(ledger: &Ledger, state: &Mutex<State>) -> Result<(), HomeError> {
    // Read under the lock of the file, so that no older state is written over a newer one.
    ledger.mark(|| locked(state).marks())
}

impl Elsewhere for HandBack {
    fn renewing(&self, id: &ConnectionId) -> io::Result<()> {
        self.state().renewing.insert(id.clone());
        mark(&self.ledger, &self.state).map_err(io::Error::other)
    }

    fn refreshed(&self, id: &ConnectionId) {
        self.state().renewing.remove(id);
        self.wake.notify_one();
    }

    fn renewed(&self, connection: &Connection) {
        self.members().insert(connection.id.clone());
        let mut state = self.state();
        state.wait_for(&connection.id, Some(connection.tokens.lineage()));
        state.renewing.remove(&connection.id);
        drop(state);
        self.wake.notify_one();
    }

    fn later<'a>(&'a self, connection: &'a Connection) -> LaterPair<'a> {
        Box::pin(self.look(connection))
    }

    fn adopted(&self, id: &ConnectionId) {
        self.state().adopted.insert(id.clone());
    }
}
