//! The changes that other machines make in a vault which tells them: the session takes a new pair
//! when it comes, and does not wait for a 401.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::credentials::Credentials;
use crate::credential::ConnectionId;
use crate::vault::{Changed, Changes};

impl Credentials {
    /// Follows the changes of the vault until this is dropped, if the vault tells them. A session
    /// that starts several children follows them once.
    pub(super) fn follow_changes(self: &Arc<Self>) {
        if self.is_following.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(changes) = self.renewal.store.changes() else {
            return;
        };
        // Weak: the session ends when nobody else needs its credentials.
        let credentials = Arc::downgrade(self);
        let follow = async move {
            let mut changes = changes;
            while let Some(changed) = next(&mut changes).await {
                let Some(credentials) = credentials.upgrade() else {
                    return;
                };
                credentials.take_changes(&changed).await;
            }
        };
        drop(tokio::spawn(follow));
    }

    async fn take_changes(&self, changed: &[Changed]) {
        let is_any = changed.contains(&Changed::Any);
        for (id, slot) in &self.slots {
            let name = id.to_string();
            let is_named = || changed.contains(&Changed::Record(name));
            if !is_any && !is_named() {
                continue;
            }
            if is_any {
                self.write_again(id).await;
            }
            // If the vault cannot be read, the session goes on with what it has.
            let _ = self.reload(id, slot).await;
        }
    }

    /// Writes a pair again that this machine has made and the vault's server has forgotten.
    async fn write_again(&self, id: &ConnectionId) {
        let (store, id) = (self.renewal.store.clone(), id.clone());
        let _ = self
            .renewal
            .reader
            .run(move || store.write_again(&id))
            .await;
    }
}

/// The next change, and those that have come with it.
async fn next(changes: &mut Changes) -> Option<Vec<Changed>> {
    let mut all = vec![changes.next().await?];
    while let Some(another) = changes.waiting() {
        if !all.contains(&another) {
            all.push(another);
        }
    }
    Some(all)
}
