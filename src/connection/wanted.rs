//! Why a refresh is made, and the outcome that all who wait for it share.

use std::sync::Arc;

use super::source::CredentialError;
use super::store::Stored;
use crate::credential::Credential;

/// Why a refresh is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshReason {
    /// Its time has come (`refresh_at`); the access token still works.
    Due,
    /// The access token has expired, and a request waits for a new one.
    Expired,
    /// The provider refused the pair of that generation with a 401 that gives no reason: the token
    /// may be good.
    Doubted {
        /// The number of the refused state.
        generation: u64,
    },
    /// The provider said that the access token of that generation has expired or was revoked.
    Refused {
        /// The number of the refused state.
        generation: u64,
    },
}

/// The outcome of a refresh, shared by all who wait for it.
pub(super) type Outcome = Result<Arc<Credential>, CredentialError>;

/// The credential of a stored connection, with the number of its state.
pub(super) fn credential(stored: &Stored) -> Arc<Credential> {
    Arc::new(stored.connection.credential(stored.number()))
}
