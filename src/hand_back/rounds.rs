//! The attempts: one after another while the session runs, and what is left at its end.

use std::time::Duration;

use tokio::time::timeout;

use super::decide::{Done, later};
use super::error::HandBackError;
use super::file::SharedFile;
use super::target::Target;
use super::thread::on_a_thread;
use super::variable::Variable;
use super::{HandBack, command};
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

    /// Tries what has come, and what has failed. Returns what is still not handed back, and why.
    /// The time is bounded by that of an attempt for each connection and try.
    pub async fn finish(&self) -> Vec<(ConnectionId, HandBackError)> {
        // An attempt that is under way ends first: its time is bounded.
        let _turn = self.turn.lock().await;
        let mut failed = self.round().await;
        for _ in 1..LAST_TRIES {
            if !self.again() {
                return Vec::new();
            }
            // What has failed in this very round gets a moment.
            if !failed.is_empty() {
                tokio::time::sleep(LAST_PAUSE).await;
            }
            failed = self.round().await;
        }
        failed
    }

    /// Lets what has failed be tried again; whether there is something.
    fn again(&self) -> bool {
        let mut state = self.state();
        let failed = std::mem::take(&mut state.failed);
        let is_any = !failed.is_empty();
        state.waiting.extend(failed);
        is_any
    }

    /// One attempt for each connection that waits. Returns those that have failed.
    async fn round(&self) -> Vec<(ConnectionId, HandBackError)> {
        let waiting = std::mem::take(&mut self.state().waiting);
        let mut failed = Vec::new();
        for (id, expected) in waiting {
            let event = |kind| Event::new(kind).of(&id);
            let audit = &self.means.audit;
            match self.attempt(&id, expected.as_ref()).await {
                Ok(Done::Written) => audit.record(&event(Kind::HandedBack)),
                Ok(Done::WasThere) => {}
                Ok(Done::TakenIn) => {
                    self.state().adopted.insert(id.clone());
                    audit.record(&event(Kind::Import).because("another job has renewed it"));
                }
                Err(error) => {
                    audit.record(&event(Kind::HandBackFailed).because(with_causes(&error)));
                    self.state().failed.insert(id.clone(), expected);
                    failed.push((id, error));
                    continue;
                }
            }
            self.state().failed.remove(&id);
        }
        failed
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
        match &self.target {
            Target::Command(command) => {
                let sealed = self.sealing.seal(&[here])?;
                let apart = self.apart.get().cloned().unwrap_or_default();
                let means = &self.means;
                command::run(command, sealed, &means.programs, &apart, means.timeout).await?;
                Ok(Done::Written)
            }
            Target::File(_) => {
                let (file, store) = (self.file(), self.means.store.clone());
                on_a_thread(move || match file {
                    Some(file) => file.reconcile(&here, &store),
                    None => Ok(Done::WasThere),
                })
                .await
            }
            Target::Variable { .. } => {
                let variable = self.variable(id);
                let variable = variable.ok_or_else(|| HandBackError::NoVariables(id.clone()))?;
                variable.reconcile(&here, &self.means.store).await
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
