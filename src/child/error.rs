//! Why a child does not run.

use std::io;

/// Why the child cannot be started, or cannot be waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// Our own program file, which the helper is started from, cannot be found.
    #[error("cannot start the command: authsome's own file cannot be found without /proc")]
    NoHelper,
    /// The command with its arguments and variables is longer than the system allows.
    #[error("the command, its arguments and its environment are together too long for the system")]
    TooLong(#[source] io::Error),
    /// The system refused to start it.
    #[error("cannot start the command")]
    Spawn(#[source] io::Error),
    /// Signals cannot be watched.
    #[error("cannot watch signals")]
    Signals(#[source] io::Error),
    /// The child cannot be waited for.
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
}

impl ChildError {
    /// What the system's refusal to start it means.
    pub(super) fn from_spawn(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ArgumentListTooLong => Self::TooLong(error),
            _ => Self::Spawn(error),
        }
    }
}
