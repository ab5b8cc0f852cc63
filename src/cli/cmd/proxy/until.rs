//! The process with which a session ends.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A process, by a descriptor of the kernel's: a later process with the same ID is never mistaken
/// for it (`pidfd_open(2)`).
pub(super) struct Until(OwnedFd);

impl Until {
    pub(super) fn open(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Completes as soon as it has ended.
    pub(super) async fn ended(self) {
        // On a thread, which ends with this process at the latest. If the wait fails, the session
        // is still ended by a signal.
        let waited = tokio::task::spawn_blocking(move || {
            let mut descriptors = [PollFd::new(&self.0, PollFlags::IN)];
            while poll(&mut descriptors, None) == Err(Errno::INTR) {}
            !descriptors[0].revents().is_empty()
        });
        if !waited.await.unwrap_or(false) {
            std::future::pending::<()>().await;
        }
    }
}
