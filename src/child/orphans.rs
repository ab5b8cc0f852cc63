//! Processes that have become ours: how they do, and whose they are.

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

use crate::os::process_tree::Orphans;

/// Reads a state without consuming it, so that it can be read again.
pub(super) fn peek(whose: Id, states: WaitPidFlag) -> Result<WaitStatus, Errno> {
    waitid(whose, states | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT)
}

/// Whether we have no child. Others would keep the orphans that come to us from being known as the
/// command's.
#[cfg(target_os = "linux")]
pub(super) fn is_childless() -> bool {
    peek(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::__WALL) == Err(Errno::ECHILD)
}

/// Elsewhere nothing tells, and no orphans come to us.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_childless() -> bool {
    false
}

/// Makes us the subreaper of the command's descendants, so that a daemon that forks twice stays in
/// the run's process tree. Returns whether all orphans that we adopt are the command's. They may be
/// others if we had children before, or are the init process of a container.
///
/// Our only child may be the helper that becomes the command (`ahead.rs`): what it will have forked
/// comes to us as well (Linux 4.11).
#[cfg(target_os = "linux")]
pub(super) fn adopt_orphans(has_helper: bool) -> Orphans {
    let is_init = nix::unistd::Pid::this().as_raw() == 1;
    let is_ours = (has_helper || is_childless()) && !is_init;
    if is_ours && nix::sys::prctl::set_child_subreaper(true).is_ok() {
        Orphans::AreTheCommands
    } else {
        Orphans::AreAnybodys
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn adopt_orphans(_: bool) -> Orphans {
    Orphans::AreAnybodys
}
