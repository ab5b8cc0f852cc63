//! The helper: this program, started again, which becomes the command.

use std::ffi::{OsStr, OsString};
use std::process::{self, Command};

use super::error::ChildError;
use crate::env::env_vars::Environment;
use crate::os::private_memory;

/// The hidden first argument that turns this program into the helper.
pub const EXEC_ARGUMENT: &str = "__exec";

/// Starts the helper that these words name, with the command that it becomes.
pub(super) fn start(
    words: &[OsString],
    (command, arguments): (&OsStr, &[OsString]),
    environment: &Environment,
) -> Result<process::Child, ChildError> {
    let program = private_memory::own_program().ok_or(ChildError::NoHelper)?;
    let mut helper = Command::new(program);
    helper.args(words).arg(command).args(arguments);
    for (name, value) in environment.changes() {
        match value {
            Some(value) => helper.env(name, value),
            None => helper.env_remove(name),
        };
    }
    helper.spawn().map_err(ChildError::from_spawn)
}

/// The ID of this process, as the helper is told whose it is.
pub(super) fn own_id() -> OsString {
    process::id().to_string().into()
}
