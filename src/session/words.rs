//! The words of a command.

use std::ffi::OsString;
use std::path::Path;

use crate::env::helpers;

/// A command as the user has written it, and the arguments that it is given.
pub(super) struct Words {
    pub(super) asked: Vec<OsString>,
    pub(super) told: Vec<OsString>,
}

impl Words {
    /// Of that program. `directory` is that of the session's files, which the program may need to
    /// be permitted to read.
    pub(super) fn of(program: &OsString, mut arguments: Vec<OsString>, directory: &Path) -> Self {
        let asked: Vec<_> = std::iter::once(program)
            .chain(&arguments)
            .cloned()
            .collect();
        if let Some(option) = helpers::node_permission(program, &arguments, directory) {
            arguments.insert(0, option);
        }
        Self {
            asked,
            told: arguments,
        }
    }
}
