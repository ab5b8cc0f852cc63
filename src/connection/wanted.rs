//! Why a renewal is wanted, and what comes of it for all who wait.

use std::sync::Arc;

use super::source::CredentialError;
use super::store::Stored;
use crate::credential::Credential;

/// Why a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshReason {
    /// The window before the end has opened; the token still works.
    Due,
    /// Somebody waits: the token is at its end.
    Expired,
    /// The provider refused the pair of that generation with a 401 that may have another reason.
    Doubted {
        /// The refused state.
        generation: u64,
    },
    /// The provider said that the pair of that generation has ended.
    Refused {
        /// The refused state.
        generation: u64,
    },
}

/// The outcome that all who wait share.
pub(super) type Outcome = Result<Arc<Credential>, CredentialError>;

/// What a stored connection hands out.
pub(super) fn credential(stored: &Stored) -> Arc<Credential> {
    Arc::new(stored.connection.credential(stored.number()))
}
