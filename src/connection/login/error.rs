//! Why a login did not come to its end.

use std::time::Duration;

use crate::connection::store::StoreError;
use crate::credential::ConnectionId;
use crate::loopback::BindError;
use crate::oauth::{OAuthError, ResponseRefused};

/// How long a user has for the pages, and again for the question at the terminal.
pub(super) const DEADLINE: Duration = Duration::from_mins(10);

/// Why a login did not come to its end. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The user gave it up.
    #[error("the login was cancelled; nothing was stored{}", words_of(*.revoked))]
    Cancelled {
        /// Whether the provider has taken the grant back; `None` where there was none yet.
        revoked: Option<bool>,
    },
    /// The user took too long.
    #[error("the login was not finished within {} minutes", DEADLINE.as_secs() / 60)]
    Deadline,
    /// The user does not know the account or the application.
    #[error("the login was not confirmed{}", if *.revoked { ", and its grant was revoked" } else { "; its grant could not be revoked" })]
    Declined {
        /// Whether the provider has taken the grant back.
        revoked: bool,
    },
    /// The provider, or the user there, said no.
    #[error(transparent)]
    Denied(#[from] ResponseRefused),
    /// There is a connection of that name.
    #[error("the connection {0} already exists")]
    Exists(ConnectionId),
    /// The grant could not be stored.
    #[error("the login cannot be stored")]
    NotStored {
        /// Why not.
        #[source]
        source: Box<StoreError>,
        /// Why the grant is still good at the provider; `None` where it was revoked.
        revocation: Option<Box<OAuthError>>,
    },
    /// The authorization server gave no token.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The vault failed.
    #[error(transparent)]
    Store(StoreError),
}

fn words_of(revoked: Option<bool>) -> &'static str {
    match revoked {
        None => "",
        Some(true) => ", and its grant was revoked",
        Some(false) => {
            "; its grant could not be revoked: revoke it on the provider's applications page"
        }
    }
}
