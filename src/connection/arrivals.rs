//! The connections that are made while a session runs: here, in another process, or on another
//! machine that has the same vault.

use std::collections::BTreeSet;
use std::time::Duration;

use super::store::ConnectionStore;
use crate::credential::ConnectionId;
use crate::vault::Changes;

/// How often a vault is looked at that tells no changes.
const LOOK: Duration = Duration::from_secs(1);

/// How long a vault is left alone that could not be read.
const PAUSE: Duration = Duration::from_secs(5);

/// What is not known yet of the connections in a vault.
pub struct Arrivals {
    store: ConnectionStore,
    changes: Option<Changes>,
    known: BTreeSet<ConnectionId>,
}

impl Arrivals {
    /// Waits for others than those that are known. What has come since then is found by the first
    /// look.
    pub fn beside(known: BTreeSet<ConnectionId>, store: &ConnectionStore) -> Self {
        Self {
            store: store.clone(),
            changes: store.changes(),
            known,
        }
    }

    /// Waits for the next ones. Each is given once, whatever becomes of it.
    pub async fn next(&mut self) -> Vec<ConnectionId> {
        loop {
            let store = self.store.clone();
            match tokio::task::spawn_blocking(move || store.list()).await {
                Ok(Ok(mut there)) => {
                    there.retain(|id| self.known.insert(id.clone()));
                    if !there.is_empty() {
                        return there;
                    }
                    self.changed().await;
                }
                // A vault that is away may be back.
                Ok(Err(_)) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Waits until the vault may have others.
    async fn changed(&mut self) {
        let Some(changes) = &mut self.changes else {
            return tokio::time::sleep(LOOK).await;
        };
        if changes.next().await.is_none() {
            self.changes = None; // it is closed, as at the end of the session
        }
        while changes_waiting(self.changes.as_mut()) {}
    }
}

/// Whether another change has come already, which the same look finds.
fn changes_waiting(changes: Option<&mut Changes>) -> bool {
    changes.is_some_and(|changes| changes.waiting().is_some())
}
