//! What ends a command that has something to put in order first.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// Ctrl-C, the end of its terminal, and SIGTERM. From [`Self::new`] on, none of them ends the
/// process by itself.
pub(super) struct Stop([Signal; 3]);

impl Stop {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::terminate())?,
        ]))
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        let [interrupt, hangup, terminate] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
