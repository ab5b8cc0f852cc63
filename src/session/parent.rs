//! What a run inherits: the variables and the working directory of the process that starts it.
//!
//! They are read once and passed on as a value. No other code in this module reads them from the
//! process. A test, or a program that starts runs for others, can therefore supply its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::env::git_config::GitSurroundings;
use crate::env::helpers::ToolSettings;
use crate::net::tls::Trust;
use crate::net::user_proxy::UserProxies;
use crate::os::second_thread::SecondThread;

/// The parent's environment. It does not implement `Debug`, because any variable may be a secret.
#[derive(Clone)]
pub struct Parent {
    variables: Arc<Vec<(OsString, OsString)>>,
    directory: Arc<Path>,
    /// The settings of the user's tools, once they are read.
    tools: Arc<OnceLock<ToolSettings>>,
}

impl Parent {
    /// An environment with these variables and this working directory.
    pub fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        directory: impl Into<PathBuf>,
    ) -> Self {
        Self {
            variables: Arc::new(variables.into_iter().collect()),
            directory: directory.into().into(),
            tools: Arc::default(),
        }
    }

    /// The environment of this process.
    pub fn of_this_process() -> Self {
        let directory = std::env::current_dir().unwrap_or_default();
        Self::new(std::env::vars_os(), directory)
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let mut variables = self.variables.iter();
        let found = variables.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// The same, but `None` if the value is empty.
    pub(super) fn filled(&self, name: &str) -> Option<&OsStr> {
        self.variable(name).filter(|value| !value.is_empty())
    }

    /// All variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.variables.iter().cloned()
    }

    /// What decides which configuration files git reads.
    pub(super) fn git_surroundings(&self) -> GitSurroundings<'_> {
        GitSurroundings {
            variables: &self.variables,
            directory: &self.directory,
        }
    }

    /// What settings of their own the user's tools have. They are read once.
    pub(super) fn tools(&self) -> &ToolSettings {
        let variable = |name: &str| self.variable(name).map(OsStr::to_owned);
        let read = || ToolSettings::read(&variable, &self.directory);
        self.tools.get_or_init(read)
    }

    /// Reads them on that thread. Whoever asks for them meanwhile waits.
    pub(crate) fn read_tools_on(&self, thread: &SecondThread) {
        let parent = self.clone();
        thread.give(move || {
            parent.tools();
        });
    }

    /// The working directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The root certificates that programs with this environment trust.
    pub fn trust(&self) -> Arc<Trust> {
        let extra = self.filled("SSL_CERT_FILE").map(PathBuf::from);
        let directories = self.variable("SSL_CERT_DIR").unwrap_or_default();
        let directories = std::env::split_paths(directories).filter(|path| path.is_absolute());
        Arc::new(Trust::new(extra, directories.collect()))
    }

    /// The user's own proxies, as the variables name them.
    pub fn proxies(&self) -> Arc<UserProxies> {
        let variable = |name: &str| self.variable(name).map(OsStr::to_owned);
        Arc::new(UserProxies::new(variable))
    }
}
