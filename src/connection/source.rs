//! What the proxy asks of this floor.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::{ConnectionId, Credential};

/// Why there is no usable credential. Cheap to clone: all who wait for one refresh share
/// its outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Only a new login helps.
    #[error("the connection {id} needs a new login: {reason}")]
    NeedsLogin {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: String,
    },
    /// The connection is no longer in the vault.
    #[error("the connection {id} is no longer in the vault")]
    Removed {
        /// The connection.
        id: ConnectionId,
    },
    /// It has expired, and could not be renewed for now.
    #[error("the token of {id} has expired and cannot be renewed at present: {reason}")]
    Unavailable {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: String,
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The vault cannot be read or written.
    #[error("the vault failed: {reason}")]
    Vault {
        /// What it said.
        reason: String,
    },
}

/// What the request that needs a credential could do if the provider refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It cannot be sent a second time (a streamed body), so the credential must be surely in
    /// force.
    Once,
    /// It can be repeated, so the credential in hand will do.
    Repeatable,
}

/// What a provider's 401 says about the token, told from its body (RFC 6750 §3.1 has one code for
/// all of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The token is past its end.
    Expired,
    /// The token was replaced by a refresh elsewhere, or revoked by the user.
    Revoked,
    /// Nothing about the token: it may be unknown to a replica, or the account may lack a right.
    Unspecific,
}

/// What to do about a 401.
#[derive(Clone, Debug)]
pub enum UnauthorizedAction {
    /// Give the provider's response to the client.
    Accept,
    /// There will be no credential that works.
    Fail(CredentialError),
    /// Send the request again, with this.
    Retry(Arc<Credential>),
    /// Send it again with the same credential after that time.
    RetrySame(Duration),
}

/// Hands out credentials, and hears when one was refused.
pub trait CredentialSource: Send + Sync + 'static {
    /// A credential to send now. Waits for a renewal only where the token in hand has expired, or
    /// where `usage` asks for certainty.
    fn get(
        &self,
        id: &ConnectionId,
        usage: Usage,
    ) -> impl Future<Output = Result<Arc<Credential>, CredentialError>> + Send;

    /// The provider answered 401 to `refused`, for the `attempt`th time (from 0) in one exchange.
    fn reject(
        &self,
        id: &ConnectionId,
        refused: &Credential,
        rejection: Rejection,
        attempt: u32,
    ) -> impl Future<Output = UnauthorizedAction> + Send;
}
