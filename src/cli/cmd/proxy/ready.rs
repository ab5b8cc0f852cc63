//! Says that a session serves: to the program that has started it, and to a service manager.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use serde_json::{Value, json};

use crate::session::Session;

/// The variable that names the service manager's socket (`sd_notify(3)`).
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

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

/// Writes the line to a descriptor that this process has inherited.
pub(super) fn write_to(descriptor: u16, line: &Value) -> io::Result<()> {
    let path = format!("/dev/fd/{descriptor}");
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
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
