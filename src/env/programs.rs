//! The one way in which authsome starts another program: git, a browser, the desktop's opener.
//!
//! What it starts has nothing of ours in its environment, and is found where `os/program_path.rs`
//! says.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::env::env_vars::{Inherited, OURS};
use crate::os::program_path::{find, search_path};

/// What the programs that are started get to see of our environment.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// Variables that held a managed secret, without it.
    cleaned: Vec<(OsString, OsString)>,
}

impl Programs {
    /// With those variables of the parent as they have been cleaned.
    pub fn new(inherited: &Inherited) -> Self {
        let cleaned = inherited.cleaned();
        Self {
            cleaned: cleaned
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// A program by name or path, ready to be given arguments; `None` where there is none of that
    /// name.
    pub fn command(&self, program: &OsStr) -> Option<Command> {
        let path = search_path();
        let mut command = Command::new(find(program, &path)?);
        // It looks for programs of its own as well.
        command.env("PATH", path);
        command.envs(
            self.cleaned
                .iter()
                .filter(|(name, _)| name != "PATH")
                .map(|(name, value)| (name, value)),
        );
        for name in OURS {
            command.env_remove(name);
        }
        Some(command)
    }

    /// The same as a command that another crate has put together.
    pub fn like(&self, model: &Command) -> Option<Command> {
        let mut command = self.command(model.get_program())?;
        command.args(model.get_args());
        Some(command)
    }
}
