//! What a run says about itself when it is asked.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use serde_json::{Value, json};

use super::handler::{Handler, Reply};
use crate::audit::{Audit, RunStart};
use crate::connection::Credentials;
use crate::proxy::{AgentApi, Pending};
use crate::session::facts::Facts;
use crate::session::run_log::RunLog;

/// What is known of a run, and shown.
pub(in crate::session) struct RunState {
    pub(in crate::session) id: String,
    facts: ArcSwap<Facts>,
    agent: Option<AgentApi>,
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
        facts: Arc<Facts>,
        credentials: &Arc<Credentials>,
        (pending, agent): (&Arc<Pending>, Option<AgentApi>),
    ) -> Self {
        Self {
            id: log.id().to_owned(),
            facts: ArcSwap::new(facts),
            agent,
            start: log.start(),
            credentials: Arc::clone(credentials),
            pending: Arc::clone(pending),
            audit: Arc::clone(log.audit()),
        }
    }

    /// What the run tells about itself.
    pub(in crate::session) fn facts(&self) -> Arc<Facts> {
        self.facts.load_full()
    }

    /// From now on, it tells these: here, and to the agent.
    pub(in crate::session) fn replace_facts(&self, facts: Facts) {
        let facts = Arc::new(facts);
        if let Some(agent) = &self.agent {
            let (known, id) = (Arc::clone(&facts), self.id.clone());
            agent.replace(move || known.for_agent(&id));
        }
        self.facts.store(facts);
    }

    fn value(&self) -> Value {
        let facts = self.facts();
        let (start, tally) = (self.start.get(), self.audit.tally());
        let needing = self.credentials.needing_login().into_iter();
        let needing =
            needing.map(|(id, reason)| json!({ "connection": id.to_string(), "reason": reason }));
        let mut connections: Vec<_> = { facts.places.iter() }
            .flat_map(|place| &place.connections)
            .collect();
        connections.sort();
        connections.dedup();
        json!({
            "run": self.id,
            "since": facts.since,
            "pid": facts.pid,
            "command": start.map(|start| &start.command),
            "command_pid": start.map(|start| start.pid),
            "directory": start.map(|start| &start.directory),
            "connections": connections,
            "needs_login": needing.collect::<Vec<_>>(),
            "joins_new": facts.joins_new,
            "denies_other_hosts": facts.denies_other_hosts,
            "guards": facts.guards,
            "rules": facts.rules,
            "injected": tally.injected,
            "denied": tally.denied,
            "failed": tally.failed,
            "waiting": self.pending.waiting(),
            "wanted": self.pending.wanted(),
        })
    }
}
