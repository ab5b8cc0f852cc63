//! What is made inside, as authsome tells it to the helper: a file in the session's directory.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is made inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The port of the proxy on the loopback interface inside: the same as outside.
    pub proxy_port: u16,
    /// Ports at which connections are captured where not all can be.
    pub ports: Vec<u16>,
    /// Ports of the host's loopback interface that are reached at the same port inside.
    pub host_ports: Vec<u16>,
    /// Whether connections to the command's servers are asked for.
    pub connects: bool,
    /// Whom root becomes.
    pub user: Option<User>,
    /// The files and directories.
    pub files: Files,
}

/// Another user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name, by which the groups are found.
    pub name: String,
    /// The user ID.
    pub id: u32,
    /// The first group's ID.
    pub group: u32,
}

/// What of the file system is other inside than outside. What is not there is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Where the command begins.
    pub directory: PathBuf,
    /// What is not there: a directory is empty, a file or a socket is `/dev/null`.
    pub hidden: Vec<PathBuf>,
    /// Directories for temporary files, which are empty at the beginning and the command's own.
    pub temporary: Vec<PathBuf>,
    /// What is there all the same, although it is within what is hidden.
    pub kept: Vec<PathBuf>,
    /// Files in the place of others: what is there, and where.
    pub replaced: Vec<(PathBuf, PathBuf)>,
    /// Directories that others are laid over: what is there is what is in both.
    pub overlaid: Vec<(PathBuf, PathBuf)>,
    /// What can be read, and not changed.
    pub protected: Vec<PathBuf>,
    /// Directories that cannot be renamed, so that nothing else takes their place.
    pub pinned: Vec<PathBuf>,
    /// Where everything but these directories can only be read; `None` where files stay as they
    /// are.
    pub writable: Option<Vec<PathBuf>>,
}

/// Ports at which connections are captured where not all can be, whatever the routes are: SSH, HTTP
/// and HTTPS.
const USUAL_PORTS: [u16; 3] = [22, 80, 443];

/// All ports at which connections are captured then.
pub fn captured_ports(routes: &[u16]) -> Vec<u16> {
    let all: BTreeSet<u16> = routes.iter().copied().chain(USUAL_PORTS).collect();
    all.into_iter().collect()
}

/// The file's name in the session's directory.
pub(super) const FILE: &str = "isolation.json";

/// The socket's name there.
pub(super) const SOCKET: &str = "isolation.sock";
