//! The processes of one run, and whether one of them has a given socket open. Linux only: it is
//! read from `/proc`.
//!
//! The run's tree is the command and all that descend from it, and orphans come to us (`child.rs`
//! makes us their subreaper), so a daemon that forks twice stays in it. Nobody gets into the tree
//! from outside: a process is born there, and a parent is exchanged for one further up only. Two
//! kinds of our children are not the run's, and where there can be such ([`Orphans::AreAnybodys`])
//! an orphan is not believed: those that were there before the command (of a shell that became us
//! by exec), and, if we are the first process of a container, all orphans in it.
//!
//! A list of processes is old when it is read, so here it only says where to look. What counts is
//! shown of the one process found, in an order that leaves no moment for a lie:
//!
//! 1. Its directory in `/proc` is opened once and stands for that process; when it ends, reading
//!    fails, whoever gets its number.
//! 2. Through it, the process is seen to have the socket open.
//! 3. Its line is read upwards, parent by parent to us, and then downwards again, and must be the
//!    same. A parent's number that was the same twice was that living parent's all the time in
//!    between, and what was read of it in between was read of it, not of a later owner of its
//!    number. So every link is real at the moment of the turn.
//!
//! What errs, errs towards the password: a process whose descriptors the kernel hides from us
//! (another user's, one that is not dumpable as `ssh-agent` or authsome itself, one with more
//! capabilities than we have; `hidepid` hides it altogether), a descriptor that only one thread or
//! only `io_uring` has, a search that comes to its bounds, a `/proc` of another PID namespace than
//! ours. A child's own PID namespace is fine: its processes are in ours too.
//!
//! What this cannot tell apart: a socket that a process of the tree shares with one outside, by
//! inheritance or `SCM_RIGHTS`. It is admitted, whoever writes to it: that process could as well
//! hand out the password, relay for others, or let itself be traced. The kernel counts inodes of
//! sockets with 32 bits; to make two that are open at once alike takes four thousand million of
//! them.

mod ancestors;
mod proc;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nix::dir::Dir;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

pub use self::ancestors::{Ancestor, ancestors, own_name};
pub use self::proc::children_of;
use self::proc::{has_only_number, parent_in, parent_of, processes};

/// How often the processes are listed: a parent may end, or one be forked, while the list is read.
const LISTS: usize = 2;

/// Whose child an orphan that comes to us was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// It may have been anybody's.
    AreAnybodys,
    /// The command's, or a descendant's of it.
    AreTheCommands,
}

/// The processes of one run.
#[derive(Clone, Copy, Debug)]
pub struct ProcessTree {
    authsome: Pid,
    command: Pid,
    orphans: Orphans,
}

/// What a search may cost.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// When it is given up.
    pub deadline: Instant,
    /// How many processes and descriptors it may look at.
    pub steps: usize,
}

/// The limits are spent.
struct Exhausted;

/// A process that its number cannot be taken from.
struct Process {
    directory: OwnedFd,
    pid: Pid,
}

impl ProcessTree {
    /// The tree of the command, a child of this process. `None` where `/proc` does not show it by
    /// the numbers we know.
    pub fn new(command: Pid, orphans: Orphans) -> Option<Self> {
        let authsome = Pid::this();
        let status = fs::read_to_string("/proc/self/status").ok()?;
        has_only_number(&status, authsome).then_some(Self {
            authsome,
            command,
            orphans,
        })
    }

    /// Whether a process of the tree has the socket of that inode open. It takes milliseconds, and
    /// blocks.
    pub fn has_open(&self, inode: u32, mut limits: SearchLimits) -> bool {
        let target = format!("socket:[{inode}]");
        (0..LISTS).any(|_| self.search(&target, &mut limits).unwrap_or(false))
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

    /// The processes that seem to be of the tree, the nearest first.
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

    /// The third step above.
    fn contains(&self, process: &Process, limits: &mut SearchLimits) -> Result<bool, Exhausted> {
        match self.line_of(process, limits)? {
            Some(line) => self.confirms(process, &line, limits),
            None => Ok(false),
        }
    }

    /// The process's parent, its parent and so on, up to but without us; `None` where it does not
    /// lead to us, or not by the command.
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

    /// Whether that is its line still, read from above.
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

    /// A process that does nothing but hold a socket, and the socket's inode.
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
        // Seen from our own parent, the line to a child of ours is not empty.
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
        drop(holder); // whoever gets its number now
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
