//! The child process: it runs in the foreground of our terminal, our signals are forwarded to it,
//! and it is never left behind.
//!
//! It shares our process group, so the terminal treats it as if authsome were not there: Ctrl-C and
//! Ctrl-Z reach it directly. What must be set between fork and exec is set by this program itself:
//! it is started again as a small helper ([`exec_in_place`]), which then executes the command in
//! place.

mod ahead;
mod apart;
mod ender;
mod error;
mod exec;
mod foreground;
mod helper;
mod inside;
mod orphans;
mod signals;
mod starter;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpgid, getpgrp};
use tokio::signal::unix::Signal as SignalStream;

use self::ahead::Errand;
pub use self::apart::{Apart, ApartChild};
pub use self::ender::Ender;
pub use self::error::ChildError;
pub use self::exec::exec_in_place;
use self::foreground::{is_foreground, on_terminal};
pub use self::helper::EXEC_ARGUMENT;
use self::helper::{own_id, start};
use self::inside::Inside;
use self::orphans::{adopt_orphans, peek};
use self::signals::{watch, watch_forwarded};
pub use self::starter::Starter;
use crate::env::env_vars::Environment;
use crate::isolate::{self, Control, Doorway};
use crate::os::process_tree::{self, Orphans, ProcessTree};
use crate::os::ulimits::Ulimits;

/// `run` itself failed before the child was started.
pub const EXIT_NOT_STARTED: u8 = 125;

/// The command exists but cannot be executed.
pub const EXIT_NOT_EXECUTABLE: u8 = 126;

/// There is no such command.
pub const EXIT_NOT_FOUND: u8 = 127;

/// A running child, and the signals that are forwarded to it.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    pid: Pid,
    orphans: Orphans,
    changes: SignalStream,
    continued: SignalStream,
    forwarded: Vec<(Signal, SignalStream)>,
    /// The signal that has ended it.
    ended_by: Option<i32>,
    apart: Apart,
    /// Of a command in namespaces of its own, whose helper `process` then is.
    inside: Option<Inside>,
}

impl Child {
    /// Starts the command. Must be called on a thread that outlives it: the kernel sends the
    /// parent-death signal when the thread that forked the child ends.
    pub fn spawn(
        command: &OsStr,
        arguments: &[OsString],
        environment: &Environment,
        mut starter: Starter,
    ) -> Result<Self, ChildError> {
        let words = [
            OsString::from(EXEC_ARGUMENT),
            own_id(),
            starter.ulimits.to_argument(),
        ];
        let command = (command, arguments);
        let ahead = starter.take_ahead();
        let orphans = adopt_orphans(ahead.is_some());
        Self::watched(orphans, || {
            let errand = || Errand::new(command, environment);
            let process = ahead.and_then(|ahead| ahead.become_command(&errand()));
            process.map_or_else(|| start(&words, command, environment), Ok)
        })
    }

    /// Starts the command in namespaces of its own. Once they stand, [`Self::attach`] has to be
    /// called. Must be called on such a thread as well.
    pub fn spawn_isolated(
        doorway: &Doorway,
        (command, arguments): (&OsStr, &[OsString]),
        environment: &Environment,
        ulimits: Ulimits,
    ) -> Result<Self, ChildError> {
        let directory = doorway.path().as_os_str();
        let words = [
            OsStr::new(isolate::HELPER_ARGUMENT),
            &own_id(),
            directory,
            &ulimits.to_argument(),
        ]
        .map(OsString::from);
        Self::watched(adopt_orphans(false), || {
            start(&words, (command, arguments), environment)
        })
    }

    fn watched(
        orphans: Orphans,
        start: impl FnOnce() -> Result<process::Child, ChildError>,
    ) -> Result<Self, ChildError> {
        // The signals are watched before the child exists, so that none is lost in between.
        let forwarded = watch_forwarded()?;
        let changes = watch(Signal::SIGCHLD)?;
        let continued = watch(Signal::SIGCONT)?;
        let process = start()?;
        // Our own parent may have blocked signals that we depend on, so they are unblocked here.
        // The child has already inherited the mask, as it would without us.
        let unblocked = SigSet::all().thread_unblock();
        unblocked.map_err(|error| ChildError::Signals(error.into()))?;
        let pid = i32::try_from(process.id())
            .map_err(|error| ChildError::Spawn(io::Error::other(error)))?;
        Ok(Self {
            process,
            pid: Pid::from_raw(pid),
            orphans,
            changes,
            continued,
            forwarded,
            ended_by: None,
            apart: Apart::default(),
            inside: None,
        })
    }

    /// From now on the child is the command inside, about which its first process tells.
    pub async fn attach(&mut self, control: Control) {
        self.inside = Some(Inside::new(control).await);
    }

    /// Waits for the end of a helper that could not do what it was started for.
    pub fn abandon(mut self) {
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }

    /// Completes when the helper has ended; whoever waits for it here does not reap it.
    pub async fn helper_ended(&mut self) {
        let has_ended = |pid| {
            matches!(
                peek(Id::Pid(pid), WaitPidFlag::WEXITED),
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_)
            )
        };
        while !has_ended(self.pid) {
            self.changes.recv().await;
        }
    }

    /// The process that signals are for.
    fn target(&self) -> Pid {
        let inside = self.inside.as_ref().and_then(Inside::command);
        inside.unwrap_or(self.pid)
    }

    /// The child and all of its descendants, if `/proc` can show them.
    pub fn tree(&self) -> Option<ProcessTree> {
        ProcessTree::new(self.pid, self.orphans)
    }

    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Starts programs that are not the command's, and that are not reaped with its orphans.
    pub fn apart(&self) -> Apart {
        self.apart.clone()
    }

    /// The signal that has ended it, after [`Self::wait`].
    pub fn ended_by(&self) -> Option<i32> {
        self.ended_by
    }

    /// Waits for the child to end and returns the exit code of `run`: the child's own exit code, or
    /// 128 plus the number of the signal that ended it.
    ///
    /// ```text
    /// running ──┬─ child stops ──▶ both stopped (on a terminal) ── SIGCONT ──▶ running
    ///           ├─ signal ───────▶ forwarded, unless the terminal sent it to both ──▶ running
    ///           └─ child ends ───▶ reaped, exit code returned
    /// ```
    pub async fn wait(&mut self) -> Result<u8, ChildError> {
        loop {
            match peek(
                Id::Pid(self.pid),
                WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED,
            ) {
                // `EINVAL`: a realtime signal ended the child, and nix has no name for it.
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::EINVAL) => {
                    if let Some(inside) = &mut self.inside {
                        self.ended_by = inside.ended_by().await.or(self.ended_by);
                    }
                    return self.reap();
                }
                Ok(WaitStatus::Stopped(..)) => self.stop_along()?,
                Ok(_) => {}
                Err(error) => return Err(ChildError::Wait(error.into())),
            }
            self.reap_orphans();
            self.next_signal().await;
        }
    }

    fn reap(&mut self) -> Result<u8, ChildError> {
        let status = self.process.wait().map_err(ChildError::Wait)?;
        self.ended_by = self.ended_by.or(status.signal());
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(code
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(u8::MAX))
    }

    /// Reaps orphans that have ended. The child itself is reaped in [`Self::wait`].
    fn reap_orphans(&self) {
        let reap = |pid| waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
        let Some(apart) = self.apart.known() else {
            return; // the end of that program is another occasion
        };
        let is_ours = |pid: Pid| pid != self.pid && !apart.contains(&pid);
        loop {
            match peek(Id::All, WaitPidFlag::WEXITED).map(|state| state.pid()) {
                Ok(Some(pid)) if is_ours(pid) && reap(pid).is_ok() => {}
                // A program apart has ended and hides the others. Or a realtime signal again: the
                // error does not tell which process it ended. So all of our children are tried.
                Ok(Some(pid)) if !apart.contains(&pid) => return,
                Ok(Some(_)) | Err(Errno::EINVAL) => {
                    let orphans = process_tree::children_of(Pid::this()).into_iter();
                    for pid in orphans.filter(|pid| is_ours(*pid)) {
                        let _ = reap(pid);
                    }
                    return;
                }
                _ => return,
            }
        }
    }

    /// The child has stopped (Ctrl-Z, a shell's `suspend`, a read from the background). We stop
    /// too, which gives the terminal back to the user's shell. Without a terminal, we do not stop,
    /// because nobody would continue us.
    fn stop_along(&self) -> Result<(), ChildError> {
        // This call consumes the state, so that one stop of the child stops us only once.
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        let state =
            waitid(Id::Pid(self.pid), flags).map_err(|error| ChildError::Wait(error.into()))?;
        if matches!(state, WaitStatus::Stopped(..)) {
            self.stop();
        }
        Ok(())
    }

    fn stop(&self) {
        if on_terminal(self.target()) {
            let _ = kill(Pid::this(), Signal::SIGSTOP);
        }
    }

    async fn next_signal(&mut self) {
        let forwarded = std::future::poll_fn(|context| {
            for (signal, stream) in &mut self.forwarded {
                if let std::task::Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return std::task::Poll::Ready(*signal);
                }
            }
            std::task::Poll::Pending
        });
        let inside = self.inside.as_mut();
        let stopped = async {
            match inside {
                Some(inside) => inside.stopped().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased; // what is said from inside comes before the helper's end
            () = stopped => self.stop(),
            _ = self.changes.recv() => {}
            _ = self.continued.recv() => self.resume(),
            signal = forwarded => self.forward(signal),
        }
    }

    /// The terminal sends the signals of Ctrl-C, Ctrl-\ and Ctrl-Z to the whole process group. If
    /// we forwarded them as well, the child would get them twice.
    fn forward(&self, signal: Signal) {
        let from_terminal =
            matches!(signal, Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTSTP) && is_foreground();
        if !from_terminal {
            let _ = kill(self.target(), signal); // it may have ended already
        }
    }

    /// `fg` continues our process group only. A child with a group of its own (a shell) is
    /// continued by us.
    fn resume(&self) {
        if let Ok(group) = getpgid(Some(self.target()))
            && group != getpgrp()
        {
            let _ = killpg(group, Signal::SIGCONT);
        }
    }
}
