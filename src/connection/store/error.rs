//! Why a connection cannot be read or stored.

use crate::vault::VaultError;

/// Why a connection cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is one of that name already, or it changed meanwhile.
    #[error("the connection was changed by another process")]
    Conflict,
    /// The record opens, but it is not one of ours.
    #[error("the record of {record} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        record: String,
        /// Where it goes wrong, without the content.
        reason: String,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
