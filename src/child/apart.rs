//! Programs of authsome's own that run beside the command.
//!
//! authsome reaps every process that becomes its child, because the command's orphans do. A program
//! that somebody else waits for must not be among them: its ID could be another process's by the
//! time it is killed.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Starts such programs, and knows which of them run.
#[derive(Clone, Debug, Default)]
pub struct Apart(Arc<Mutex<Vec<Pid>>>);

/// One of them. It is a process group of its own.
#[derive(Debug)]
pub struct ApartChild {
    child: Child,
    pid: Pid,
    apart: Apart,
}

impl Apart {
    /// Starts a program.
    pub fn start(&self, command: &mut Command) -> io::Result<ApartChild> {
        let mut known = self.lock();
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        known.push(Pid::from_raw(pid));
        drop(known);
        Ok(ApartChild {
            child,
            pid: Pid::from_raw(pid),
            apart: self.clone(),
        })
    }

    /// The programs that run; `None` while one is being started.
    pub(super) fn known(&self) -> Option<Vec<Pid>> {
        match self.0.try_lock() {
            Ok(known) => Some(known.clone()),
            Err(TryLockError::Poisoned(known)) => Some(known.into_inner().clone()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ApartChild {
    /// Its standard input, if that was to be a pipe.
    pub fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output, if that was to be a pipe.
    pub fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// How it has ended; `None` while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for ApartChild {
    /// Ends it, and what it has started, if it still runs.
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = killpg(self.pid, Signal::SIGKILL);
            let _ = self.child.wait();
        }
        self.apart.lock().retain(|pid| *pid != self.pid);
    }
}
