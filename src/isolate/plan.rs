//! What is made inside, as authsome tells it to the helper: a file in the session's directory.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is made inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The port of the proxy on the loopback interface inside: the same as outside.
    pub proxy_port: u16,
    /// Ports at which connections are captured where they cannot be redirected.
    pub ports: Vec<u16>,
    /// Where the command begins, in the view that the mounts make.
    pub directory: PathBuf,
}

/// The file's name in the session's directory.
pub(super) const FILE: &str = "isolation.json";

/// The socket's name there.
pub(super) const SOCKET: &str = "isolation.sock";
