//! Ends a child that is still waited for.

use std::convert::Infallible;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Child;

/// Ends one child. Its process ID is that child's until [`super::Child::wait`] has completed, so
/// the future must be dropped by then.
#[derive(Clone, Copy, Debug)]
pub struct Ender(Pid);

impl Child {
    /// Ends it on request, while [`Self::wait`] waits for it.
    pub fn ender(&self) -> Ender {
        Ender(self.target())
    }
}

impl Ender {
    /// Asks the child to end, and kills it when it has not ended in that time.
    pub async fn end(self, grace: Duration) -> Infallible {
        let _ = kill(self.0, Signal::SIGTERM);
        let _ = kill(self.0, Signal::SIGCONT); // one that is stopped gets no other signal
        tokio::time::sleep(grace).await;
        let _ = kill(self.0, Signal::SIGKILL);
        std::future::pending().await
    }
}
