//! What a read of the vault on the disk thread results in.

use super::disk::DiskError;
use super::source::CredentialError;
use super::store::{StoreError, Stored};
use super::tries::{NEXT_TRY, unavailable};
use crate::credential::ConnectionId;
use crate::text::with_causes;

pub(super) fn loaded(
    id: &ConnectionId,
    found: Result<Result<Option<Stored>, StoreError>, DiskError>,
) -> Result<Stored, CredentialError> {
    read(id, found)?.ok_or_else(|| CredentialError::Removed { id: id.clone() })
}

/// A vault on a server that is away may be back in a moment, so that is no fault of the vault.
pub(super) fn read<T>(
    id: &ConnectionId,
    found: Result<Result<T, StoreError>, DiskError>,
) -> Result<T, CredentialError> {
    let reason = match found {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(StoreError::Vault(error))) if error.is_unreachable() => {
            return Err(unavailable(id, &with_causes(&error), NEXT_TRY));
        }
        Ok(Err(error)) => with_causes(&error),
        Err(error) => error.to_string(),
    };
    Err(CredentialError::Vault { reason })
}
