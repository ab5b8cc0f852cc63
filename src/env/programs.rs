//! The only place where authsome starts another program on its own account: git, ssh, a browser,
//! the desktop's opener.
//!
//! Such a program gets none of authsome's own variables, and is searched for as
//! `os/program_path.rs` says.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::defence::Defence;
use crate::env::env_vars::{Inherited, OURS};
use crate::os::program_path::{find, search_path};

/// The environment for programs that are started.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The parent's variables that held a managed secret, with the secret replaced.
    cleaned: Vec<(OsString, OsString)>,
}

impl Programs {
    /// Takes over the variables of the parent that were cleaned.
    pub fn new(inherited: &Inherited) -> Self {
        let cleaned = inherited.cleaned();
        Self {
            cleaned: cleaned
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// A command for a program's name or path, ready for its arguments; `None` where the program is
    /// not found.
    pub fn command(&self, program: &OsStr) -> Option<Command> {
        let path = search_path();
        let mut command = Command::new(find(program, &path)?);
        // The program searches for other programs as well.
        command.env("PATH", path);
        command.envs(
            self.cleaned
                .iter()
                .filter(|(name, _)| name != "PATH")
                .map(|(name, value)| (name, value)),
        );
        for name in OURS.iter().filter(|_| Defence::OwnVariables.stands()) {
            command.env_remove(name);
        }
        Some(command)
    }

    /// The same program and arguments as in a command that another crate has built.
    pub fn like(&self, model: &Command) -> Option<Command> {
        let mut command = self.command(model.get_program())?;
        command.args(model.get_args());
        Some(command)
    }
}
