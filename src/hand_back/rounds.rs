//! The attempts: one after another while the session runs, and what is left at its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::decide::{Done, later};
use super::error::HandBackError;
use super::file::SharedFile;
use super::state::Waiting;
use super::target::Target;
use super::thread::on_a_thread;
use super::variable::Variable;
use super::{HandBack, command, mark};
use crate::audit::{Event, Kind};
use crate::connection::{Connection, Exported, Lineage};
use crate::credential::ConnectionId;
use crate::text::with_causes;

/// How often what has failed is tried at the end, and the pause before another try.
const LAST_TRIES: u32 = 2;
const LAST_PAUSE: Duration = Duration::from_secs(1);

impl HandBack {
    /// Hands back what comes, until it is dropped. What fails is left for the end.
    pub async fn serve(&self) {
        loop {
            self.wake.notified().await;
            let _turn = self.turn.lock().await;
            self.round().await;
        }
    }

    /// Tries what has come, and what has failed; [`Self::rest`] then tells what is still not handed
    /// back. The time is bounded by that of an attempt for each connection and try. If it is
    /// dropped, a command that is still running is killed.
    pub async fn finish(&self) {
        // An attempt that is under way ends first: its time is bounded.
        let _turn = self.turn.lock().await;
        let mut has_failed = self.round().await;
        for _ in 1..LAST_TRIES {
            if !self.state().again() {
                break;
            }
            // What has failed in this very round gets a moment.
            if has_failed {
                tokio::time::sleep(LAST_PAUSE).await;
            }
            has_failed = self.round().await;
        }
        self.look_after_others().await;
    }

    /// One attempt for each connection that waits; whether one has failed.
    async fn round(&self) -> bool {
        let waiting = self.state().waiting();
        let mut has_failed = false;
        if let Target::Command(command) = &self.target {
            has_failed = self.run(command, &waiting).await;
        } else {
            for (id, expected) in &waiting {
                let result = self.attempt(id, expected.as_ref()).await;
                has_failed |= self.settle(id, expected.as_ref(), result.map_err(Arc::new));
            }
        }
        self.mark().await;
        has_failed
    }

    /// Records the result of an attempt; whether it has failed.
    fn settle(
        &self,
        id: &ConnectionId,
        expected: Option<&Lineage>,
        result: Result<Done, Arc<HandBackError>>,
    ) -> bool {
        let event = |kind| Event::new(kind).of(id);
        let (audit, mut state) = (&self.means.audit, self.state());
        match &result {
            Ok(Done::Written) => {
                state.written.insert(id.clone());
                audit.record(&event(Kind::HandedBack));
            }
            Ok(Done::WasThere) => {}
            Ok(Done::TakenIn) => {
                state.adopted.insert(id.clone());
                audit.record(&event(Kind::Import).because("another job has renewed it"));
            }
            Err(error) => {
                audit.record(&event(Kind::HandBackFailed).because(with_causes(&**error)));
            }
        }
        let failure = result.err();
        let has_failed = failure.is_some();
        state.settle(id, expected, failure);
        has_failed
    }

    /// Writes into the home what may be only there. If that fails, it names too much: what is not
    /// handed back was named before its refresh.
    async fn mark(&self) {
        let (ledger, state) = (self.ledger.clone(), Arc::clone(&self.state));
        let _ = on_a_thread(move || Ok(mark(&ledger, &state)?)).await;
    }

    /// Runs the command for the connections that wait; whether that has failed for one. It gets all
    /// connections of the session each time: what it got before, it may have replaced.
    async fn run(&self, command: &str, waiting: &Waiting) -> bool {
        if waiting.is_empty() {
            return false;
        }
        let all = self.exported().await.map_err(Arc::new);
        let found = |id: &ConnectionId| {
            let all = all.as_ref().ok()?;
            all.iter().find(|exported| exported.id() == id)
        };
        let is_ready = |id: &ConnectionId, expected: Option<&Lineage>| {
            let here = found(id).map(Exported::lineage);
            here.map(|here| !expected.is_some_and(|expected| is_older(&here, expected)))
        };
        let is_any = waiting.iter();
        let is_any = is_any
            .map(|(id, expected)| is_ready(id, expected.as_ref()))
            .any(|is_ready| is_ready == Some(true));
        let outcome = match &all {
            Ok(all) if is_any => self.hand_to(command, all).await.map_err(Arc::new),
            Ok(_) => Ok(()),
            Err(error) => Err(Arc::clone(error)),
        };
        let mut has_failed = false;
        for (id, expected) in waiting {
            let expected = expected.as_ref();
            let result = match (&outcome, is_ready(id, expected)) {
                (Err(error), _) => Err(Arc::clone(error)),
                (Ok(()), Some(false)) => Err(Arc::new(HandBackError::NotYetStored)),
                (Ok(()), Some(true)) => Ok(Done::Written),
                // It was removed, or has nothing that is spent.
                (Ok(()), None) => Ok(Done::WasThere),
            };
            has_failed |= self.settle(id, expected, result);
        }
        has_failed
    }

    async fn hand_to(&self, command: &str, all: &[Exported]) -> Result<(), HandBackError> {
        let sealed = self.sealing.seal(all)?;
        let apart = self.apart.get().cloned().unwrap_or_default();
        let means = &self.means;
        command::run(command, sealed, &means.programs, &apart, means.timeout).await?;
        let pairs = all.iter().map(|one| (one.id().clone(), one.lineage()));
        let pairs: Vec<_> = pairs.collect();
        let (ledger, target) = (self.ledger.clone(), self.target.clone());
        on_a_thread(move || {
            ledger.note_handed_back(&target, &pairs);
            Ok(())
        })
        .await
    }

    /// The connections of the session that have a refresh token. Others have nothing that is spent.
    async fn exported(&self) -> Result<Vec<Exported>, HandBackError> {
        let (store, members) = (self.means.store.clone(), self.members().clone());
        on_a_thread(move || {
            let mut all = Vec::new();
            for id in &members {
                let here = store.exported(id)?;
                all.extend(here.filter(|one| one.connection.tokens.refresh.is_some()));
            }
            Ok(all)
        })
        .await
    }

    async fn attempt(
        &self,
        id: &ConnectionId,
        expected: Option<&Lineage>,
    ) -> Result<Done, HandBackError> {
        let (store, wanted) = (self.means.store.clone(), id.clone());
        let Some(here) = on_a_thread(move || Ok(store.exported(&wanted)?)).await? else {
            return Ok(Done::WasThere); // it was removed
        };
        // A connection without a refresh token has nothing that is spent.
        if here.connection.tokens.refresh.is_none() {
            return Ok(Done::WasThere);
        }
        if expected.is_some_and(|expected| is_older(&here.lineage(), expected)) {
            return Err(HandBackError::NotYetStored);
        }
        if let Some(file) = self.file() {
            return file.reconcile(here, &self.means.store).await;
        }
        let variable = self.variable(id);
        let variable = variable.ok_or_else(|| HandBackError::NoVariables(id.clone()))?;
        variable.reconcile(&here, &self.means.store).await
    }

    /// Writes once more what another job, which renews another connection, may have overwritten in
    /// the same variable: the API has no compare-and-swap. It was there, so a failure is no reason
    /// to call it lost.
    async fn look_after_others(&self) {
        if !matches!(self.target, Target::Variable { .. }) {
            return;
        }
        let written = self.state().written.clone();
        let rest = self.rest();
        for id in written {
            if rest.iter().all(|(failed, _)| *failed != id) {
                let _ = self.attempt(&id, None).await;
            }
        }
    }

    /// The later pair that is there, if there is one.
    pub(super) async fn look(&self, connection: &Connection) -> Option<Exported> {
        let here = Exported {
            connection: connection.clone(),
            is_default: false,
        };
        let read = async {
            match &self.target {
                Target::Command(_) => None,
                Target::File(_) => {
                    let file = self.file()?;
                    on_a_thread(move || file.read()).await.ok()
                }
                Target::Variable { .. } => {
                    let variable = self.variable(&connection.id)?;
                    variable.read(connection).await.ok()
                }
            }
        };
        let there = timeout(self.means.timeout, read).await.ok().flatten()?;
        later(there, &here)
    }

    fn file(&self) -> Option<SharedFile> {
        let Target::File(path) = &self.target else {
            return None;
        };
        Some(SharedFile {
            path: path.clone(),
            sealing: self.sealing.clone(),
            timeout: self.means.timeout,
        })
    }

    fn variable(&self, id: &ConnectionId) -> Option<Variable<'_>> {
        let Target::Variable { project, name } = &self.target else {
            return None;
        };
        let mut url = self.means.variables.get(id)?.clone();
        // As one segment, in which the slashes of a path are encoded.
        let mut segments = url.path_segments_mut().ok()?;
        segments.pop_if_empty().extend([project, "variables", name]);
        drop(segments);
        Some(Variable {
            url,
            place: format!("the variable {name} of {project}"),
            sealing: &self.sealing,
            http: &self.means.http,
        })
    }
}

/// Whether what the vault has is not yet the pair that has come.
fn is_older(here: &Lineage, expected: &Lineage) -> bool {
    here.compare(expected) == Some(std::cmp::Ordering::Less)
}
