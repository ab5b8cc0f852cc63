//! What is made anew for each session: its name, its password, and the list of what waits.

use std::sync::Arc;

use super::control::{Handlers, RunState, StopHandler, Stopping};
use super::environment::{NAME_LENGTH, PASSWORD_LENGTH};
use super::error::SessionError;
use super::facts::Facts;
use super::isolated::Isolated;
use super::options::Options;
use super::parent::Parent;
use super::pending::{self, PendingHandler};
use super::run_log::RunLog;
use super::user_data::UserData;
use crate::connection::Credentials;
use crate::os::run_dir::RunDirectory;
use crate::proxy::{AgentApi, Pending};
use crate::secret::{Secret, random_text};

pub(super) struct Own {
    name: Secret<String>,
    /// The password in the proxy's URL.
    pub(super) password: Secret<String>,
    /// The agent's API; `None` if it is off.
    pub(super) agent: Option<AgentApi>,
    /// What waits for the user.
    pub(super) pending: Arc<Pending>,
    /// Whether its end is asked for from outside.
    pub(super) stopping: Arc<Stopping>,
}

impl Own {
    pub(super) fn of(
        options: &Options,
        data: &UserData,
        facts: &Arc<Facts>,
    ) -> Result<Self, SessionError> {
        let name = random_text(NAME_LENGTH)?;
        let (known, id) = (Arc::clone(facts), name.expose().to_owned());
        Ok(Self {
            agent: options
                .agent_api
                .then(|| AgentApi::new(move || known.for_agent(&id))),
            name,
            password: random_text(PASSWORD_LENGTH)?,
            pending: pending::of(options, &data.settings),
            stopping: Stopping::new(),
        })
    }

    /// The public name of the session.
    pub(super) fn name(&self) -> &str {
        self.name.expose()
    }

    /// What the run writes into the log, and what it says about itself when it is asked.
    pub(super) fn state(
        &self,
        (data, parent): (&UserData, &Parent),
        facts: Arc<Facts>,
        credentials: &Arc<Credentials>,
    ) -> (RunLog, Arc<RunState>) {
        let log = RunLog::new(&data.audit, self.name(), parent.directory().to_owned());
        let told = (&self.pending, self.agent.clone());
        let state = RunState::of(&log, facts, credentials, told);
        (log, Arc::new(state))
    }

    /// What an isolated command of it is started with.
    pub(super) fn isolated(
        &self,
        options: &Options,
        data: &UserData,
        parent: &Parent,
        directory: &RunDirectory,
        ca_file: (&str, &str),
    ) -> Result<Isolated, SessionError> {
        let session = (self.name(), directory);
        Ok(Isolated::of(options, parent, &data.home, session, ca_file)?)
    }

    /// What the run can be asked on its socket, beside its state.
    pub(super) fn handlers(&self) -> Handlers {
        let pending = || Arc::new(PendingHandler(Arc::clone(&self.pending)));
        Handlers::default()
            .with("stop", Arc::new(StopHandler(Arc::clone(&self.stopping))))
            .with("waiting", pending())
            .with("decide", pending())
            .with("lift", pending())
    }
}
