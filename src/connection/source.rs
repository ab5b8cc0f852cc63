//! What the proxy needs from this module.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::{ConnectionId, Credential};
use crate::secret::Secret;

/// Why there is no usable credential. Cheap to clone, since all who wait for one refresh share its
/// outcome.
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
    /// A login of that name has been made for other routes since the session began.
    #[error("the connection {id} was made anew, and not for this host")]
    Moved {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is no longer in the vault.
    #[error("the connection {id} is no longer in the vault")]
    Removed {
        /// The connection.
        id: ConnectionId,
    },
    /// The access token has expired, and could not be renewed for now.
    #[error("the token of {id} has expired and cannot be renewed at present: {reason}")]
    Unavailable {
        /// The connection.
        id: ConnectionId,
        /// Why.
        reason: String,
        /// How long to wait before another try.
        retry_after: Duration,
    },
    /// The vault cannot be read or written.
    #[error("the vault failed: {reason}")]
    Vault {
        /// What went wrong.
        reason: String,
    },
}

/// Whether a request could be sent again if the provider refused its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It cannot be sent a second time (its body is streamed), so its credential is first checked
    /// against the vault.
    Once,
    /// It can be sent again, so the credential in memory is used without a check.
    Repeatable,
}

/// What a provider's 401 says about the access token, in its `WWW-Authenticate` field or its body.
/// RFC 6750 §3.1 has one code for all causes, so they are told apart by the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The token has expired, or it is called invalid without another cause.
    Expired,
    /// The token was revoked, by the user or by a refresh elsewhere.
    Revoked,
    /// Nothing: a replica may not know the token yet, or the account may lack a permission.
    Unspecific,
}

/// What to do about a 401.
#[derive(Clone, Debug)]
pub enum UnauthorizedAction {
    /// Give the provider's response to the client.
    Accept,
    /// The request fails: there is no credential that works.
    Fail(CredentialError),
    /// Send the request again, with this credential.
    Retry(Arc<Credential>),
    /// Send the request again with the same credential, after this time.
    RetrySame(Duration),
}

/// Provides credentials, and decides what to do when a provider refuses one.
pub trait CredentialSource: Send + Sync + 'static {
    /// A credential for a request that is sent now. It waits for a refresh only if the current
    /// token has expired, or if `usage` is [`Usage::Once`].
    fn get(
        &self,
        id: &ConnectionId,
        usage: Usage,
    ) -> impl Future<Output = Result<Arc<Credential>, CredentialError>> + Send;

    /// Waits until somebody may have logged in again, or for a while: the caller looks again.
    fn until_login(&self, id: &ConnectionId) -> impl Future<Output = ()> + Send;

    /// A number that is another one as soon as a secret has joined those of [`Self::secrets`].
    fn secrets_version(&self) -> u64;

    /// The secrets of all connections, those that were replaced lately included: what no response
    /// may show.
    fn secrets(&self) -> Vec<Secret<String>>;

    /// The provider wants these scopes, separated by spaces, which the grant does not have.
    fn lacks(&self, id: &ConnectionId, scopes: &str);

    /// The provider responded 401 to `refused`, for the `attempt`th time (from 0) in one exchange.
    fn reject(
        &self,
        id: &ConnectionId,
        refused: &Credential,
        rejection: Rejection,
        attempt: u32,
    ) -> impl Future<Output = UnauthorizedAction> + Send;
}
