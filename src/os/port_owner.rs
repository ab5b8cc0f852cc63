//! The process that listens on a port of this machine, so that the error "address in use" can name
//! it.

use std::fs;
use std::path::Path;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortOwner {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel reports it.
    pub name: String,
}

/// The process that listens on this TCP port of 127.0.0.1 or of all addresses, if `/proc` shows it.
/// It does not show the sockets of other users' processes.
pub fn port_owner(port: u16) -> Option<PortOwner> {
    let inode = listening_inode(&fs::read_to_string("/proc/net/tcp").ok()?, port)
        .or_else(|| listening_inode(&fs::read_to_string("/proc/net/tcp6").ok()?, port))?;
    let socket = format!("socket:[{inode}]");
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let processes = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, entry.path()))
    });
    let processes: Vec<_> = processes.collect();
    let holder = processes.iter().find(|(_, path)| holds(path, &socket));
    // A process of authsome's hides its descriptors even from its own user, but not its arguments.
    let hidden = || {
        let mut logins = processes.iter().filter(|(_, path)| is_hidden_login(path));
        logins.next().filter(|_| logins.next().is_none())
    };
    let (pid, path) = holder.or_else(hidden)?;
    Some(PortOwner {
        pid: *pid,
        name: name_of(path),
    })
}

/// Whether the process is an `authsome login` whose descriptors are hidden. Its user does not
/// matter: only one process can have the port, so a single such login is taken for its owner.
fn is_hidden_login(process: &Path) -> bool {
    let command = fs::read(process.join("cmdline")).unwrap_or_default();
    let mut arguments = command.split(|byte| *byte == 0);
    name_of(process) == "authsome"
        && arguments.any(|argument| argument == b"login")
        && fs::read_dir(process.join("fd")).is_err()
}

/// The inode of the socket that listens on that port (`st` is `0A`). proc(5) describes the columns.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let (_, local_port) = columns.get(1)?.rsplit_once(':')?;
        let listens = u16::from_str_radix(local_port, 16) == Ok(port) && *columns.get(3)? == "0A";
        if listens {
            columns.get(9)?.parse().ok()
        } else {
            None
        }
    })
}

fn holds(process: &Path, socket: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == socket))
}

fn name_of(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn finds_this_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(
            port_owner(port).map(|owner| owner.pid),
            Some(std::process::id())
        );
        drop(listener);
        assert_eq!(port_owner(port), None);
    }
}
