//! The end of a grant that no try has renewed.

use super::Renewal;
use crate::clock::Timestamp;
use crate::connection::disk::Disk;
use crate::connection::record::GrantState;
use crate::connection::source::CredentialError;
use crate::connection::store::{StoreError, Stored};
use crate::connection::wanted::{Outcome, credential};
use crate::vault::Claim;

impl Renewal {
    /// Notes in the record that the grant is dead; the rest of the record stays as it is.
    pub(super) async fn give_up(
        &self,
        disk: &Disk,
        stored: &Stored,
        (reason, access_ended): (String, bool),
        claim: Option<Claim>,
    ) -> Outcome {
        let mut connection = stored.connection.clone();
        connection.standing = GrantState::NeedsLogin {
            reason: reason.clone(),
            since: Timestamp::now(),
            access_ended,
        };
        let id = connection.id.clone();
        let (store, generation) = (self.store.clone(), stored.generation);
        // Compare and swap, so that a login that came in between is not marked as dead. This does
        // not wait for another process's transaction, which would block the only connection through
        // which this process reads the vault. If the mark is not written, the next refresh finds
        // the same again.
        let written = disk.run(move || store.replace_now(&connection, generation, claim.as_ref()));
        match written.await {
            Ok(Err(StoreError::Conflict)) => self
                .load_by(disk, &id)
                .await
                .map(|stored| credential(&stored)),
            // The caller gets this error even if the mark could not be written; the next session
            // then finds out for itself.
            _ => Err(CredentialError::NeedsLogin { id, reason }),
        }
    }
}
