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
//! it, and to what the user has named. What is there must open with the vault's own key. Nobody who
//! lacks the master key can make such a file (`age_file.rs`), so nothing else is ever taken in.

mod command;
mod decide;
mod error;
mod file;
mod rounds;
mod sealed;
mod target;
#[cfg(test)]
mod tests;
mod thread;
mod variable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use url::Url;

pub use self::error::HandBackError;
use self::sealed::Sealing;
pub use self::target::Target;
use crate::age_file::Recipient;
use crate::audit::Audit;
use crate::child::Apart;
use crate::connection::{Connection, ConnectionStore, Elsewhere, LaterPair, Lineage};
use crate::credential::ConnectionId;
use crate::env::programs::Programs;
use crate::oauth::HttpClients;

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
    means: Means,
    apart: OnceLock<Apart>,
    state: Mutex<State>,
    wake: Notify,
    /// Held by one attempt at a time.
    turn: tokio::sync::Mutex<()>,
}

/// What is to be done, and what has been.
#[derive(Default)]
struct State {
    /// The connections that are to be looked at, and the pair that has come.
    waiting: BTreeMap<ConnectionId, Option<Lineage>>,
    /// Those whose last attempt has failed.
    failed: BTreeMap<ConnectionId, Option<Lineage>>,
    /// Those whose pair another job has renewed.
    adopted: BTreeSet<ConnectionId>,
}

impl HandBack {
    /// For a session with those connections, which are looked at as soon as [`Self::serve`] runs.
    pub fn new(
        on_rotate: OnRotate,
        connections: impl IntoIterator<Item = ConnectionId>,
        means: Means,
    ) -> Self {
        let sealing = Sealing::new(means.store.export_key(), on_rotate.recipients);
        let is_readable = on_rotate.target.is_readable();
        let connections = connections.into_iter().filter(|_| is_readable);
        let state = State {
            waiting: connections.map(|id| (id, None)).collect(),
            ..State::default()
        };
        let wake = Notify::new();
        wake.notify_one();
        Self {
            target: on_rotate.target,
            sealing,
            means,
            apart: OnceLock::new(),
            state: Mutex::new(state),
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Elsewhere for HandBack {
    fn renewed(&self, connection: &Connection) {
        let lineage = connection.tokens.lineage();
        let mut state = self.state();
        state.waiting.insert(connection.id.clone(), Some(lineage));
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
