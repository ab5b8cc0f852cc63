//! A command in namespaces of its own: what is made there is told from the session, and its
//! listeners are served by the session's proxy.

use std::ffi::OsString;
use std::io;

use super::Session;
use crate::child::{Child, ChildError};
use crate::isolate::{Doorway, IsolateError, Plan};
use crate::os::ulimits::Ulimits;

/// What a user may choose for an isolated command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
}

/// Why an isolated command was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsolatedSpawnError {
    /// The helper cannot be started.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The system forbids it.
    #[error(transparent)]
    Isolate(#[from] IsolateError),
    /// What was made inside cannot be served.
    #[error("the listeners of the isolated command cannot be served")]
    Serve(#[source] io::Error),
}

impl Session {
    /// Starts a command as [`Self::spawn`] does, in namespaces of its own: each of its connections
    /// is captured and served by this session. The same holds for the thread.
    pub async fn spawn_isolated(
        &mut self,
        isolation: &Isolation,
        (program, arguments): (&OsString, Vec<OsString>),
        ulimits: Ulimits,
    ) -> Result<Child, IsolatedSpawnError> {
        let doorway = Doorway::open(&self.directory, &self.plan_of(isolation))?;
        let words = self.words_of(program, arguments);
        let command = (program.as_os_str(), &*words.told);
        let mut child = Child::spawn_isolated(&doorway, command, &self.environment, ulimits)?;
        let (handed, control) = doorway.take(child.helper_ended()).await?;
        self.serving
            .capture(handed)
            .map_err(IsolatedSpawnError::Serve)?;
        child.attach(control).await;
        self.begin(&words.asked, &child);
        Ok(child)
    }

    fn plan_of(&self, _: &Isolation) -> Plan {
        Plan {
            proxy_port: self.address.port(),
            ports: vec![22, 80, 443],
            directory: self.working_directory.clone(),
        }
    }
}
