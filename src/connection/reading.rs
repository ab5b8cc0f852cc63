//! What a read of the vault on the disk thread results in.

use super::disk::DiskError;
use super::source::CredentialError;
use super::store::{StoreError, Stored};
use crate::credential::ConnectionId;
use crate::text::with_causes;

pub(super) fn loaded(
    id: &ConnectionId,
    found: Result<Result<Option<Stored>, StoreError>, DiskError>,
) -> Result<Stored, CredentialError> {
    read(found)?.ok_or_else(|| CredentialError::Removed { id: id.clone() })
}

pub(super) fn read<T>(
    found: Result<Result<T, StoreError>, DiskError>,
) -> Result<T, CredentialError> {
    let reason = match found {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => with_causes(&error),
        Err(error) => error.to_string(),
    };
    Err(CredentialError::Vault { reason })
}
