//! Says that a session serves: to the program that has started it, and to a service manager.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::os::ulimits;
use crate::session::Session;

/// The variable that names the service manager's socket (`sd_notify(3)`).
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// How long whoever reads the descriptor of `--ready-fd` may take to make room for a line.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// Where everything is. None of it is secret.
pub(super) fn line(session: &Session, socket: Option<&Path>, env_file: Option<&Path>) -> Value {
    let shown = |path: &Path| path.display().to_string();
    json!({
        "session": session.name(),
        "pid": std::process::id(),
        "address": session.address().to_string(),
        "socket": socket.map(shown),
        "directory": shown(session.directory()),
        "env_file": env_file.filter(|path| path.as_os_str() != "-").map(shown),
    })
}

/// The descriptor of `--ready-fd`, which this process has inherited.
pub(super) struct ReadyDescriptor(File);

impl ReadyDescriptor {
    /// Takes it over. A number that nobody has opened may be that of a file of authsome's own, its
    /// program or the vault, which a line would destroy.
    pub(super) fn take(number: u16) -> io::Result<Self> {
        ulimits::take_inherited(RawFd::from(number)).map(Self)
    }

    /// Writes the line, if there is room for it in time.
    pub(super) async fn write(self, line: &Value) -> io::Result<()> {
        let (mut file, text) = (self.0, format!("{line}\n"));
        // On a thread, which ends with this process at the latest: whether a write waits is a
        // property of the pipe, and not of this end alone.
        let written = spawn_blocking(move || file.write_all(text.as_bytes()));
        match timeout(READER_PATIENCE, written).await {
            Ok(written) => written.map_err(io::Error::other)?,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it")),
        }
    }
}

/// Tells the service manager, if it has asked for it. What goes wrong is no reason not to serve:
/// the manager ends what is not ready in time.
pub(super) fn notify_service_manager() {
    let Some(name) = std::env::var_os(NOTIFY_SOCKET) else {
        return;
    };
    let name = name.as_encoded_bytes();
    let address = match name.split_first() {
        // The abstract namespace (unix(7)).
        Some((b'@', rest)) => SocketAddr::from_abstract_name(rest),
        _ => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::new(&*String::from_utf8_lossy(
            name,
        )))),
    };
    let sent =
        UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(b"READY=1", &address?));
    drop(sent);
}
