//! Why a connection cannot be read or stored.

use crate::vault::VaultError;

/// Why a connection cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is one of that name already, or it was changed in between.
    #[error("the connection was changed by another process")]
    Conflict,
    /// An export is not from a vault of this master key.
    #[error("the export was not made with the master key of this vault")]
    NotAuthentic,
    /// The record can be decrypted, but not read.
    #[error("the record of {record} cannot be read: {reason}")]
    Unreadable {
        /// Which record.
        record: String,
        /// What is wrong, without the content.
        reason: String,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
