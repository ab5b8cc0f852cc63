//! What other processes change in a vault, as far as its server tells it.

use std::fmt;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// A change that another process has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Any record may have changed: the connection to the server was lost meanwhile, or its server
    /// tells no changes.
    Any,
    /// The record of that name.
    Record(String),
}

/// Changes in the order in which the server tells them.
pub struct Changes(pub(super) Receiver<Changed>);

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changes")
    }
}

impl Changes {
    /// Waits for the next one; `None` once the vault is closed.
    pub async fn next(&mut self) -> Option<Changed> {
        match self.0.recv().await {
            Ok(changed) => Some(changed),
            // More were told than are kept: any of them was missed.
            Err(RecvError::Lagged(_)) => Some(Changed::Any),
            Err(RecvError::Closed) => None,
        }
    }

    /// One that has come already.
    pub fn waiting(&mut self) -> Option<Changed> {
        match self.0.try_recv() {
            Ok(changed) => Some(changed),
            Err(TryRecvError::Lagged(_)) => Some(Changed::Any),
            Err(TryRecvError::Closed | TryRecvError::Empty) => None,
        }
    }
}
