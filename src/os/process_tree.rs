//! The processes of one run, and whether one of them has a given socket open. Linux only:
//! everything is read from `/proc`.
//!
//! The tree of a run is the command and all its descendants. Orphans become children of authsome
//! (`child.rs` makes authsome their subreaper), so a daemon that forks twice stays in the tree. No
//! process can enter the tree from outside: a process is born in it, and a process's parent can
//! only be replaced by one further up. Two kinds of authsome's children do not belong to the run:
//! those that existed before the command (children of a shell that became authsome by exec), and,
//! if authsome is the first process of a container, all orphans in it. Where such children are
//! possible ([`Orphans::AreAnybodys`]), an orphan does not count as part of the run.
//!
//! A list of processes is outdated as soon as it is read, so here it only shows where to look. What
//! counts is verified for the one process that was found. The order of the reads rules out a race
//! with reused process IDs:
//!
//! 1. Its directory in `/proc` is opened once, and refers to that process from then on. When the
//!    process ends, reads through it fail, even if another process gets its ID.
//! 2. Through this directory, the process is seen to have the socket open.
//! 3. Its line of parents is read upwards to authsome, then downwards again; both must be equal. If
//!    two reads of a process's parent gave the same ID, that ID belonged to the living parent all
//!    the time in between. So what was read about this ID in between was about that parent, not
//!    about a later process with the same ID. Therefore every link of the line is real at the
//!    moment between the two passes.
//!
//! A process that cannot be verified must use the password. This happens if:
//!
//! - the kernel hides its descriptors from authsome (another user's process; one that is not
//!   dumpable, such as `ssh-agent` or authsome itself; one with more capabilities than authsome),
//!   or `hidepid` hides the process altogether;
//! - only one of its threads, or only `io_uring`, has the descriptor;
//! - the search reaches its limits;
//! - `/proc` belongs to another PID namespace than authsome's. A PID namespace of a child's is no
//!   problem: its processes are visible in authsome's namespace too.
//!
//! A socket that a process of the tree shares with one outside, by inheritance or `SCM_RIGHTS`,
//! cannot be recognized. It is admitted, whichever process writes to it: the process in the tree
//! could as well pass on the password, relay for others, or let itself be traced. The kernel
//! numbers the inodes of sockets with 32 bits; two open sockets have the same inode only after four
//! thousand million sockets.

mod ancestors;
pub mod own_status;
mod proc;
mod programs;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nix::dir::Dir;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

pub use self::ancestors::{Ancestor, ancestors_named, own_name};
pub use self::proc::children_of;
use self::proc::{has_only_number, is_alive, name_of, parent_in};
pub(super) use self::proc::{parent_of, processes};
pub use self::programs::programs_of;

/// How many times the processes are listed: while the list is read, a parent may end or a process
/// may fork.
const LISTS: usize = 2;

/// Which process an orphan that becomes authsome's child descends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// Perhaps one outside the run.
    AreAnybodys,
    /// The command, or a descendant of it.
    AreTheCommands,
}

/// The processes of one run.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTree {
    authsome: Pid,
    command: Pid,
    orphans: Orphans,
}

/// The limits of a search.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// When the search is given up.
    pub deadline: Instant,
    /// How many processes and descriptors it may read.
    pub steps: usize,
}

/// A limit was reached.
struct Exhausted;

/// A process, by its open `/proc` directory: a later process with the same ID is never mistaken for
/// it.
struct Process {
    directory: OwnedFd,
    pid: Pid,
}

impl ProcessTree {
    /// The tree of the command, which is a child of this process. `None` where `/proc` belongs to
    /// another PID namespace, whose process IDs differ.
    pub fn new(command: Pid, orphans: Orphans) -> Option<Self> {
        let authsome = Pid::this();
        has_only_number(own_status::at_first("NSpid")?, authsome).then_some(Self {
            authsome,
            command,
            orphans,
        })
    }

    /// Whether a process of the tree has the socket with that inode open. This takes milliseconds,
    /// and blocks.
    pub fn has_open(&self, inode: u32, mut limits: SearchLimits) -> bool {
        let target = format!("socket:[{inode}]");
        (0..LISTS).any(|_| self.search(&target, &mut limits).unwrap_or(false))
    }

    /// The processes that are left of the tree after the command has ended, with their names. Only
    /// to be shown: the list is old as soon as it is read.
    pub fn left(&self, mut limits: SearchLimits) -> Vec<(i32, String)> {
        let Ok(found) = self.list(&mut limits) else {
            return Vec::new();
        };
        let left = found.into_iter().filter(|pid| is_alive(*pid));
        let named = left.filter_map(|pid| {
            let name = name_of(&pid.to_string())?;
            Some((pid.as_raw(), name.to_string_lossy().into_owned()))
        });
        named.collect()
    }

    fn search(&self, target: &str, limits: &mut SearchLimits) -> Result<bool, Exhausted> {
        for pid in self.list(limits)? {
            limits.spend()?;
            if let Some(process) = Process::open(pid)
                && process.has_open(target, limits)?
                && self.contains(&process, limits)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The processes that seem to belong to the tree, the nearest first.
    fn list(&self, limits: &mut SearchLimits) -> Result<Vec<Pid>, Exhausted> {
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for pid in processes() {
            limits.spend()?;
            if let Some(parent) = parent_of(pid) {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut found = match self.orphans {
            Orphans::AreAnybodys => vec![self.command],
            Orphans::AreTheCommands => children.remove(&self.authsome).unwrap_or_default(),
        };
        let mut next = 0;
        while let Some(pid) = found.get(next) {
            found.extend(children.remove(pid).unwrap_or_default());
            next += 1;
        }
        Ok(found)
    }

    /// Step 3 above.
    fn contains(&self, process: &Process, limits: &mut SearchLimits) -> Result<bool, Exhausted> {
        match self.line_of(process, limits)? {
            Some(line) => self.confirms(process, &line, limits),
            None => Ok(false),
        }
    }

    /// The process's parent, its parent and so on, up to authsome (exclusive). `None` where the
    /// line does not lead to authsome, or not through the command where that is required.
    fn line_of(
        &self,
        process: &Process,
        limits: &mut SearchLimits,
    ) -> Result<Option<Vec<Pid>>, Exhausted> {
        let mut line = Vec::new();
        let mut next = process.parent();
        while let Some(pid) = next.filter(|pid| *pid != self.authsome) {
            limits.spend()?;
            line.push(pid);
            next = parent_of(pid);
        }
        let ours = line.last().unwrap_or(&process.pid);
        let is_the_runs = match self.orphans {
            Orphans::AreAnybodys => *ours == self.command,
            Orphans::AreTheCommands => true,
        };
        Ok((next.is_some() && is_the_runs).then_some(line))
    }

    /// Whether the line is still the same, read downwards.
    fn confirms(
        &self,
        process: &Process,
        line: &[Pid],
        limits: &mut SearchLimits,
    ) -> Result<bool, Exhausted> {
        let mut above = self.authsome;
        for pid in line.iter().rev() {
            limits.spend()?;
            if parent_of(*pid) != Some(above) {
                return Ok(false);
            }
            above = *pid;
        }
        Ok(process.parent() == Some(above))
    }
}

impl SearchLimits {
    fn spend(&mut self) -> Result<(), Exhausted> {
        self.steps = self.steps.checked_sub(1).ok_or(Exhausted)?;
        if Instant::now() < self.deadline {
            Ok(())
        } else {
            Err(Exhausted)
        }
    }
}

impl Process {
    fn open(pid: Pid) -> Option<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(format!("/proc/{pid}").as_str(), flags, Mode::empty()).ok()?;
        Some(Self { directory, pid })
    }

    fn parent(&self) -> Option<Pid> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let stat = openat(&self.directory, "stat", flags, Mode::empty()).ok()?;
        let mut text = Vec::new();
        File::from(stat).read_to_end(&mut text).ok()?;
        parent_in(&text)
    }

    fn has_open(&self, target: &str, limits: &mut SearchLimits) -> Result<bool, Exhausted> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let Ok(descriptors) = Dir::openat(&self.directory, "fd", flags, Mode::empty()) else {
            return Ok(false);
        };
        for entry in descriptors {
            let Ok(entry) = entry else { return Ok(false) };
            limits.spend()?;
            let path = [b"fd/", entry.file_name().to_bytes()].concat();
            if readlinkat(&self.directory, path.as_slice()).is_ok_and(|link| link == target) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// A process that only holds a socket open, and the socket's inode.
    struct Holder {
        child: Child,
        inode: u32,
    }

    impl Holder {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
            let inode = std::fs::metadata(path).unwrap().ino().try_into().unwrap();
            let child = Command::new("sleep")
                .arg("60")
                .stdin(Stdio::from(OwnedFd::from(stream)))
                .spawn()
                .unwrap();
            Self { child, inode }
        }

        fn pid(&self) -> Pid {
            Pid::from_raw(self.child.id().try_into().unwrap())
        }
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn limits() -> SearchLimits {
        SearchLimits {
            deadline: Instant::now() + Duration::from_mins(1),
            steps: 1_000_000,
        }
    }

    #[test]
    fn a_process_of_the_tree_is_found_and_no_other() {
        let (ours, other) = (Holder::start(), Holder::start());
        let tree = ProcessTree::new(ours.pid(), Orphans::AreAnybodys).unwrap();
        assert!(tree.has_open(ours.inode, limits()));
        assert!(!tree.has_open(other.inode, limits()));
        assert!(!tree.has_open(0, limits()));
        let adopting = ProcessTree::new(ours.pid(), Orphans::AreTheCommands).unwrap();
        assert!(adopting.has_open(other.inode, limits()));
    }

    #[test]
    fn where_orphans_are_anybodys_only_the_commands_line_counts() {
        let (ours, other) = (Holder::start(), Holder::start());
        let tree = ProcessTree::new(ours.pid(), Orphans::AreAnybodys).unwrap();
        for (holder, is_the_runs) in [(&ours, true), (&other, false)] {
            let process = Process::open(holder.pid()).unwrap();
            let found = tree.contains(&process, &mut limits());
            assert_eq!(found.ok(), Some(is_the_runs));
        }
    }

    #[test]
    fn a_line_that_has_changed_is_not_confirmed() {
        let (holder, other) = (Holder::start(), Holder::start());
        // As authsome's place is taken by our own parent, the line to a child of ours is not empty.
        let tree = ProcessTree {
            authsome: nix::unistd::getppid(),
            command: Pid::this(),
            orphans: Orphans::AreAnybodys,
        };
        let process = Process::open(holder.pid()).unwrap();
        let line = tree.line_of(&process, &mut limits()).ok().flatten();
        assert_eq!(line, Some(vec![Pid::this()]));
        let confirms = |line: &[Pid]| tree.confirms(&process, line, &mut limits()).ok();
        assert_eq!(confirms(&[Pid::this()]), Some(true));
        assert_eq!(confirms(&[other.pid()]), Some(false));
        assert_eq!(confirms(&[Pid::this(), other.pid()]), Some(false));
        assert_eq!(confirms(&[]), Some(false));
        drop(holder); // its ID may now belong to another process
        assert_eq!(confirms(&[Pid::this()]), Some(false));
        assert_eq!(tree.contains(&process, &mut limits()).ok(), Some(false));
    }

    #[test]
    fn a_search_ends_at_its_bounds() {
        let holder = Holder::start();
        let tree = ProcessTree::new(holder.pid(), Orphans::AreTheCommands).unwrap();
        let no_steps = SearchLimits {
            steps: 3,
            ..limits()
        };
        let no_time = SearchLimits {
            deadline: Instant::now(),
            ..limits()
        };
        assert!(!tree.has_open(holder.inode, no_steps));
        assert!(!tree.has_open(holder.inode, no_time));
    }
}
