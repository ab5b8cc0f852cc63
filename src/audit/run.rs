//! What the log says of a run as a whole: its start and its end.

use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::command;

/// The start of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// The command and its arguments, without those that may be secrets.
    pub command: Vec<String>,
    /// The working directory.
    pub directory: String,
    /// The process ID of the command.
    pub pid: u32,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// The exit code of `authsome run`: that of the command, or 128 plus the number of a signal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit: Option<u8>,
    /// The signal that ended the command.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signal: Option<i32>,
    /// How many requests went out with a credential.
    pub injected: u64,
    /// How many were refused.
    pub denied: u64,
    /// How many failed.
    pub failed: u64,
}

impl RunStart {
    /// A command with its arguments, as they were given. What may be a secret is left out here.
    pub fn new<'a>(
        command: impl IntoIterator<Item = &'a OsStr>,
        directory: &Path,
        pid: u32,
    ) -> Self {
        Self {
            command: command::shown(command),
            directory: directory.to_string_lossy().into_owned(),
            pid,
        }
    }
}
