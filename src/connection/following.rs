//! The changes that other machines make in a vault which tells them: the session takes a new pair
//! when it comes, and does not wait for a 401.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::credentials::Credentials;
use super::store::StoreError;
use crate::credential::ConnectionId;
use crate::vault::{Changed, Changes};
use crate::waiting::at_most;

/// After this long, a pair that waits for a lease is tried again: until the vault has it, the
/// others have nothing but a spent refresh token.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(1);

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
            let mut is_written = true;
            loop {
                let told = if is_written {
                    next(&mut changes).await
                } else {
                    let soon = at_most(WRITE_AGAIN_AFTER, next(&mut changes)).await;
                    soon.unwrap_or_else(|| Some(vec![Changed::Any]))
                };
                let (Some(told), Some(credentials)) = (told, credentials.upgrade()) else {
                    return;
                };
                // Whatever else has changed, it is tried again.
                let is_any = !is_written || told.contains(&Changed::Any);
                is_written = credentials.take_changes(&told, is_any).await;
            }
        };
        drop(tokio::spawn(follow));
    }

    /// Returns `false` if a pair of this machine waits for a lease.
    async fn take_changes(&self, changed: &[Changed], is_any: bool) -> bool {
        let mut is_written = true;
        for (id, slot) in self.slots() {
            let name = id.to_string();
            let is_named = || changed.contains(&Changed::Record(name));
            if !is_any && !is_named() {
                continue;
            }
            if is_any {
                is_written &= self.write_again(id).await;
            }
            // If the vault cannot be read, the session goes on with what it has.
            let _ = self.reload(id, slot).await;
        }
        is_written
    }

    /// Writes a pair that this machine has made: the vault's server has forgotten it, or an earlier
    /// process was killed before it could write it. Returns `false` if it has to wait for a lease,
    /// which may be that of the process that was killed. A server that is away tells when it is
    /// back.
    async fn write_again(&self, id: &ConnectionId) -> bool {
        let (store, id) = (self.renewal.store.clone(), id.clone());
        let reader = &self.renewal.reader;
        match reader.run(move || store.write_again(&id)).await {
            Ok(Err(StoreError::Vault(error))) => !error.is_held(),
            _ => true,
        }
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
