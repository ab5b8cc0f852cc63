//! Who listens on a port of this machine: so that "address in use" can say by whom.

use std::fs;
use std::path::Path;

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortOwner {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
}

/// The process that listens on that TCP port of 127.0.0.1 or of all addresses, where `/proc` tells; other users' processes it does not.
pub fn port_owner(port: u16) -> Option<PortOwner> {
    let inode = listening_inode(&fs::read_to_string("/proc/net/tcp").ok()?, port)
        .or_else(|| listening_inode(&fs::read_to_string("/proc/net/tcp6").ok()?, port))?;
    let socket = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        holds(&process.path(), &socket).then(|| PortOwner {
            pid,
            name: name_of(&process.path()),
        })
    })
}

/// The inode of the listening socket (`st` is `0A`) on that port; the columns are those of proc(5).
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
