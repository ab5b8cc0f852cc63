//! The credential of a request that needs more than a look at the memory: the token is due or has
//! expired, or the request could not be sent again with another one.

use std::sync::Arc;

use super::credentials::Credentials;
use super::freshness::{Freshness, stands};
use super::pace::Urgency;
use super::slot::Slot;
use super::source::{CredentialError, Usage};
use super::wanted::{Outcome, RefreshReason};
use crate::clock::Timestamp;
use crate::credential::{ConnectionId, Credential};

impl Credentials {
    /// Checks that `current` is still the newest stored state: one small read, for requests that
    /// cannot be repeated.
    async fn confirm(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        current: Arc<Credential>,
    ) -> Outcome {
        // Every refresh and every login gives the record another number. So if the number is the
        // same, no process has replaced this pair.
        match self.renewal.number(id).await {
            Ok(number) if number == Some(current.generation) => return Ok(current),
            Ok(_) => {}
            // The vault's server is away: the token in memory is the best that is known.
            Err(CredentialError::Unavailable { .. }) => return Ok(current),
            Err(error) => return Err(error),
        }
        let newer = self.reload(id, slot).await?;
        // Another process may have noted that the grant is dead.
        match stands(&newer, Timestamp::now()) {
            Freshness::Expired => self.renew(id, slot, RefreshReason::Expired).await,
            Freshness::Fresh | Freshness::Due => Ok(newer),
        }
    }

    /// For a credential that is due or expired, or that must be checked against the vault.
    pub(super) async fn look_closely(
        &self,
        id: &ConnectionId,
        slot: &Arc<Slot>,
        current: Arc<Credential>,
        stands: Freshness,
        usage: Usage,
    ) -> Outcome {
        match (stands, usage) {
            // `get` has returned this one already.
            (Freshness::Fresh, Usage::Repeatable) => Ok(current),
            // A refresh in another process may have invalidated the token (GitLab does so at once),
            // and after a 401 this request could not be sent again.
            (Freshness::Fresh, Usage::Once) => self.confirm(id, slot, current).await,
            (Freshness::Due, Usage::Repeatable) => {
                // The token works until it expires, so nobody waits.
                self.renew_in_background(id, slot);
                Ok(current)
            }
            // A refresh during the upload would invalidate the token that the request was sent
            // with, so the refresh comes first. In a pause it would fail again, and the token still
            // works.
            (Freshness::Due, Usage::Once) => match slot.paused(Urgency::Background) {
                Some(_) => self.confirm(id, slot, current).await,
                None => match self.renew(id, slot, RefreshReason::Due).await {
                    // The user has removed the connection: the token in memory must not be used.
                    Err(
                        error @ (CredentialError::Moved { .. } | CredentialError::Removed { .. }),
                    ) => Err(error),
                    // The refresh was tried for so long that the token has expired.
                    Err(error) if slot.has_ended() => Err(error),
                    // Read again: the work may have put a newer state in force before it failed.
                    Err(_) => self.confirm(id, slot, slot.current.load_full()).await,
                    renewed => renewed,
                },
            },
            (Freshness::Expired, _) => match slot.paused(Urgency::Waiting) {
                // Another process may have renewed the pair, or the user may have logged in again.
                // An error is returned only if there is no valid token.
                Some(error) => self.rescued(id, slot).await.ok_or(error),
                None => self.renew(id, slot, RefreshReason::Expired).await,
            },
        }
    }
}
