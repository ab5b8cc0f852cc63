//! Who holds a file's lock, so that a user who waits for it can be told.
//!
//! The kernel lists all locks in `/proc/locks`, with the file's device and inode and the process
//! that took it. On other systems, and for a process of another PID namespace, nobody is named.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::stat::{major, minor};

/// After this long, the user is told who is waited for.
pub const TELL_AFTER: Duration = Duration::from_secs(1);

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel reports it; empty if it has just ended.
    pub name: String,
}

/// A lock that is waited for.
#[derive(Clone, Debug)]
pub struct LockWait {
    /// The file.
    pub file: PathBuf,
    /// Who holds its lock, if that is known.
    pub holder: Option<LockHolder>,
}

/// Is told once of each wait that takes longer than [`TELL_AFTER`].
#[derive(Clone)]
pub struct LockWaits(Arc<dyn Fn(LockWait) + Send + Sync>);

impl LockWaits {
    /// Calls `tell` on the thread that waits.
    pub fn new(tell: impl Fn(LockWait) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells that `file` is waited for, which is locked itself or through one of `locked`.
    pub(super) fn tell(&self, file: &Path, locked: &[&Path]) {
        (self.0)(LockWait {
            file: file.to_owned(),
            holder: locked.iter().find_map(|path| holder(path)),
        });
    }
}

impl fmt::Debug for LockWaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockWaits")
    }
}

/// Another process that holds a lock of that file.
fn holder(path: &Path) -> Option<LockHolder> {
    let found = fs::metadata(path).ok()?;
    let file = format!(
        "{:02x}:{:02x}:{}",
        major(found.dev()),
        minor(found.dev()),
        found.ino()
    );
    let pid = holder_in(&fs::read_to_string("/proc/locks").ok()?, &file)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(LockHolder {
        pid,
        name: name.trim_end().to_owned(),
    })
}

/// The first process in such a table that holds a lock of `file` for writing; this process waits
/// for others only. proc(5) describes the columns; a line with `->` is a process that waits.
fn holder_in(table: &str, file: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let [_, _, _, "WRITE", pid, place, ..] = columns[..] else {
            return None;
        };
        // The PID of a lock that belongs to an open file, and of another namespace, is no number.
        let pid = pid.parse().ok().filter(|pid| *pid != std::process::id());
        pid.filter(|pid| place == file && *pid != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_process_that_holds_the_file() {
        let table = "\
1: FLOCK  ADVISORY  WRITE 4711 fe:00:11 0 EOF
1: -> FLOCK  ADVISORY  WRITE 4712 fe:00:11 0 EOF
2: POSIX  ADVISORY  READ 4713 fe:00:12 123 123
3: POSIX  ADVISORY  WRITE 4714 fe:00:12 120 120
4: OFDLCK ADVISORY  WRITE -1 fe:00:13 0 EOF
5: FLOCK  ADVISORY  WRITE 0 fe:00:14 0 EOF
";
        let found = |inode| holder_in(table, &format!("fe:00:{inode}"));
        assert_eq!(found(11), Some(4711));
        assert_eq!(found(12), Some(4714));
        assert_eq!(found(13), None);
        assert_eq!(found(14), None);
        assert_eq!(found(1), None);
    }
}
