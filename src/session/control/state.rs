//! What a run says about itself when it is asked.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::handler::{Handler, Reply};
use crate::audit::{Audit, RunStart};
use crate::connection::Credentials;
use crate::proxy::Pending;
use crate::session::facts::Facts;
use crate::session::run_log::RunLog;

/// What is known of a run, and shown.
pub(in crate::session) struct RunState {
    pub(in crate::session) id: String,
    pub(in crate::session) facts: Facts,
    /// Its command, once that is started.
    start: Arc<OnceLock<RunStart>>,
    credentials: Arc<Credentials>,
    pending: Arc<Pending>,
    pub(in crate::session) audit: Arc<Audit>,
}

/// Answers `state`.
pub(in crate::session) struct StateHandler(pub(in crate::session) Arc<RunState>);

impl Handler for StateHandler {
    fn handle<'a>(&'a self, _: &'a Value) -> Reply<'a> {
        let state = self.0.value();
        Box::pin(async move { Ok(state) })
    }
}

impl RunState {
    /// The state of the run with that log.
    pub(in crate::session) fn of(
        log: &RunLog,
        facts: Facts,
        credentials: &Arc<Credentials>,
        pending: &Arc<Pending>,
    ) -> Self {
        Self {
            id: log.id().to_owned(),
            facts,
            start: log.start(),
            credentials: Arc::clone(credentials),
            pending: Arc::clone(pending),
            audit: Arc::clone(log.audit()),
        }
    }

    fn value(&self) -> Value {
        let (start, tally) = (self.start.get(), self.audit.tally());
        let needing = self.credentials.needing_login().into_iter();
        let needing =
            needing.map(|(id, reason)| json!({ "connection": id.to_string(), "reason": reason }));
        let mut connections: Vec<_> = { self.facts.places.iter() }
            .flat_map(|place| &place.connections)
            .collect();
        connections.sort();
        connections.dedup();
        json!({
            "run": self.id,
            "since": self.facts.since,
            "pid": self.facts.pid,
            "command": start.map(|start| &start.command),
            "command_pid": start.map(|start| start.pid),
            "directory": start.map(|start| &start.directory),
            "connections": connections,
            "needs_login": needing.collect::<Vec<_>>(),
            "denies_other_hosts": self.facts.denies_other_hosts,
            "guards": self.facts.guards,
            "rules": self.facts.rules,
            "injected": tally.injected,
            "denied": tally.denied,
            "failed": tally.failed,
            "waiting": self.pending.waiting(),
            "wanted": self.pending.wanted(),
        })
    }
}
