//! Why a login failed.

use std::time::Duration;

use crate::connection::record::ClientCredentials;
use crate::connection::store::StoreError;
use crate::credential::ConnectionId;
use crate::loopback::BindError;
use crate::oauth::{OAuthError, ResponseRefused, SavedAuthorization};

/// How long a user has for the pages, and again for the question at the terminal.
pub(super) const DEADLINE: Duration = Duration::from_mins(10);

/// What the first step leaves, without the words of the command.
#[derive(Debug)]
pub struct Left {
    /// The application.
    pub client: ClientCredentials,
    /// Whether its id and secret go into the `Authorization` field.
    pub basic: bool,
    /// Where the code is exchanged.
    pub token_endpoint: String,
    /// The request's `state` and PKCE verifier.
    pub saved: SavedAuthorization,
    /// The URL that the user has to open.
    pub url: String,
}

/// Why a login failed. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server is there, and is something else.
    #[error("{host} is not {provider}: {reason}")]
    AnotherService {
        /// The server.
        host: String,
        /// What it should be.
        provider: String,
        /// What it says instead.
        reason: String,
    },
    /// The listener could not be started.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The user cancelled the login.
    #[error("the login was cancelled; nothing was stored{}", words_of(*.revoked))]
    Cancelled {
        /// Whether the provider has revoked the grant; `None` if there was none yet.
        revoked: Option<bool>,
    },
    /// The user took too long.
    #[error("the login was not finished within {} minutes{}", DEADLINE.as_secs() / 60, words_of(*.revoked))]
    Deadline {
        /// Whether the provider has revoked the grant; `None` if there was none yet.
        revoked: Option<bool>,
    },
    /// The user did not confirm the account or the application.
    #[error("the login was not confirmed{}", if *.revoked { ", and its grant was revoked" } else { "; its grant could not be revoked" })]
    Declined {
        /// Whether the provider has revoked the grant.
        revoked: bool,
    },
    /// The provider refused, or the user at the provider's page.
    #[error(transparent)]
    Denied(#[from] ResponseRefused),
    /// There is already a connection of that name.
    #[error("the connection {id} already exists{}", words_of(*.revoked))]
    Exists {
        /// Its name.
        id: ConnectionId,
        /// Whether the provider has revoked the new grant; `None` if there was none yet.
        revoked: Option<bool>,
    },
    /// The service refuses the key.
    #[error("{host} refuses this {what}")]
    KeyRefused {
        /// The server.
        host: String,
        /// What was refused: a key, or an application's credentials.
        what: &'static str,
    },
    /// A part of a key is missing, or does not have its form.
    #[error("{label} does not have the form of one{}{fault}", if .fault.is_empty() { "" } else { ": " })]
    KeyUnusable {
        /// The part, in words for the user.
        label: String,
        /// What is wrong with it; it may be empty.
        fault: String,
    },
    /// The user did not enter the code in time.
    #[error("the code has expired before it was entered at {uri}")]
    CodeExpired {
        /// Where it was to be entered.
        uri: String,
    },
    /// The user goes on elsewhere, and comes back with the address of the browser.
    #[error("the login is not finished")]
    Left(Box<Left>),
    /// The flow needs an application, and none is known.
    #[error("no application is named")]
    NoApplication,
    /// The response does not name the host of the API.
    #[error("the provider's response names no host below {suffix}")]
    NoInstance {
        /// The domain that the host must be below.
        suffix: String,
    },
    /// The flow needs an endpoint that neither the definition nor the server names.
    #[error("there is no {0} endpoint")]
    NoEndpoint(&'static str),
    /// No login waits under that code.
    #[error("there is no login to resume: the code is wrong, used, or older than ten minutes")]
    NothingToResume,
    /// The server has not registered the application.
    #[error("{host} has not registered authsome: {reason}")]
    NotRegistered {
        /// The server.
        host: String,
        /// What it says.
        reason: String,
    },
    /// The grant could not be stored.
    #[error("the login cannot be stored")]
    NotStored {
        /// Why not.
        #[source]
        source: Box<StoreError>,
        /// Why the grant could not be revoked; `None` if it was revoked.
        revocation: Option<Box<OAuthError>>,
    },
    /// A request to the authorization server failed, or could not be made.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The vault failed.
    #[error(transparent)]
    Store(StoreError),
    /// No browser could be opened, and nobody is there who could open one.
    #[error("no browser can be opened here, and there is no terminal to go on at")]
    Unattended,
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
