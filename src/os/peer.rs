//! The process at the other end of a Unix socket, and the processes that it descends from.
//!
//! The kernel keeps who has called `connect` (unix(7), `SO_PEERCRED`). A process ID alone may by
//! now be that of another process; a descriptor of the process (`SO_PEERPIDFD`, Linux 6.5) shows
//! whether the peer still lives after everything has been read. The line of parents is read upwards
//! and then downwards, for the reason that `process_tree.rs` gives.

use std::fs::{self, DirEntry};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::unistd::Pid;
use tokio::net::UnixStream;

use crate::os::process_tree::{parent_of, processes};

/// How many ancestors are read.
const MAX_ANCESTORS: usize = 4096;

/// A process in the line of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    /// Its process ID.
    pub pid: u32,
    /// The kernel's name for the process: the first 15 bytes of the program's name.
    pub name: Vec<u8>,
    /// Its arguments, beginning with its name.
    pub arguments: Vec<Vec<u8>>,
    /// The value of the variable that was asked for, with which its program was started.
    pub mark: Option<Vec<u8>>,
}

/// The peer's process, its parent, its parent's and so on. `None` where the kernel does not tell,
/// or the peer has ended meanwhile. `variable` is read of each one's environment as far as this
/// user may read it. It blocks, for less than a millisecond.
pub fn line_of_peer(stream: &UnixStream, variable: &str) -> Option<Vec<Relative>> {
    let pid = stream.peer_cred().ok()?.pid()?;
    let descriptor = descriptor_of(stream);
    let line = line_of(Pid::from_raw(pid))?;
    let relatives: Vec<_> = line.iter().map(|pid| relative(*pid, variable)).collect();
    let is_the_same = confirmed(&line) && is_alive(descriptor.as_ref(), pid);
    is_the_same.then_some(relatives)
}

/// The lines of the processes that have the socket with that inode open, and of those that do not
/// show what they have open. It blocks, for some milliseconds.
pub fn holders_of(inode: u32, variable: &str) -> (Vec<Vec<Relative>>, Vec<Vec<Relative>>) {
    let target = format!("socket:[{inode}]");
    let (mut holders, mut hidden) = (Vec::new(), Vec::new());
    for pid in processes() {
        let found = match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(mut entries) => {
                let is_it = |entry: io::Result<DirEntry>| {
                    let link = fs::read_link(entry.ok()?.path()).ok()?;
                    (link.as_os_str() == target.as_str()).then_some(())
                };
                match entries.find_map(is_it) {
                    Some(()) => &mut holders,
                    None => continue,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => &mut hidden,
            Err(_) => continue,
        };
        if let Some(line) = line_of(pid) {
            found.push(line.iter().map(|pid| relative(*pid, variable)).collect());
        }
    }
    (holders, hidden)
}

/// The process and its ancestors, up to one that has no parent here.
fn line_of(pid: Pid) -> Option<Vec<Pid>> {
    let mut line = vec![pid];
    loop {
        let parent = parent_of(*line.last()?)?;
        if parent.as_raw() <= 0 {
            return Some(line);
        }
        line.push(parent);
        if line.len() > MAX_ANCESTORS {
            return None;
        }
    }
}

/// Whether the line is still the same, read downwards.
fn confirmed(line: &[Pid]) -> bool {
    let mut pairs = line.windows(2).rev();
    pairs.all(|pair| matches!(pair, [child, parent] if parent_of(*child) == Some(*parent)))
}

fn relative(pid: Pid, variable: &str) -> Relative {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let mut name = read("comm");
    name.pop_if(|last| *last == b'\n');
    let arguments = read("cmdline");
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(&arguments);
    let environment = read("environ");
    let prefix = [variable.as_bytes(), b"="].concat();
    let mut variables = environment.split(|byte| *byte == 0);
    let mark = variables.find_map(|entry| entry.strip_prefix(prefix.as_slice()));
    Relative {
        pid: pid.as_raw().cast_unsigned(),
        name,
        arguments: arguments
            .split(|byte| *byte == 0)
            .map(<[u8]>::to_vec)
            .collect(),
        mark: mark.map(<[u8]>::to_vec),
    }
}

/// A descriptor of the peer's process, where the kernel has it.
#[cfg(target_os = "linux")]
fn descriptor_of(stream: &UnixStream) -> Option<OwnedFd> {
    nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PeerPidfd).ok()
}

#[cfg(not(target_os = "linux"))]
fn descriptor_of(_: &UnixStream) -> Option<OwnedFd> {
    None
}

/// Whether the peer is still that process. Before Linux 6.5, whether there is one.
fn is_alive(descriptor: Option<&OwnedFd>, pid: i32) -> bool {
    let Some(descriptor) = descriptor else {
        return fs::exists(format!("/proc/{pid}")).unwrap_or(false);
    };
    // `Pid: -1` once it has ended (pidfd_open(2)).
    let path = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
    let info = fs::read_to_string(path).unwrap_or_default();
    let told = info.lines().find_map(|line| line.strip_prefix("Pid:"));
    told.is_some_and(|told| told.trim() == pid.to_string())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_line_begins_with_the_peer() {
        let (one, _other) = UnixStream::pair().unwrap();
        let line = line_of_peer(&one, "PATH").unwrap();
        assert_eq!(
            line.first().map(|first| first.pid),
            Some(std::process::id())
        );
        let parent = nix::unistd::getppid().as_raw().cast_unsigned();
        assert_eq!(line.get(1).map(|second| second.pid), Some(parent));
        assert!(line.first().is_some_and(|first| first.mark.is_some()));
    }

    #[test]
    fn a_line_that_has_changed_is_not_confirmed() {
        let line = line_of(Pid::this()).unwrap();
        assert!(confirmed(&line));
        assert!(!confirmed(&[Pid::this(), Pid::this()]));
        assert_eq!(line_of(Pid::from_raw(i32::MAX)), None);
    }
}
