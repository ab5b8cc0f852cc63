//! How a command is isolated.

use std::path::PathBuf;

use crate::isolate::User;

/// What a user may choose for an isolated command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// The command may use `ssh-agent` and `gpg-agent`.
    pub keeps_agents: bool,
    /// Ports of the host's loopback interface that the command reaches at its own.
    pub host_ports: Vec<u16>,
    /// Ports of the command's loopback interface that the host reaches at its own.
    pub published: Vec<u16>,
    /// The directories that the command may write to, if not all.
    pub writable: Option<Vec<PathBuf>>,
    /// The command cannot change what git and agents run of their own in the repository.
    pub protects_repository: bool,
    /// Whom root becomes for the command.
    pub user: Option<User>,
    /// What cannot be had is left out, and the command is started all the same.
    pub is_best_effort: bool,
}
