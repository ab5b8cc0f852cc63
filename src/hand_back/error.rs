//! Why a pair could not be handed back, or what is there could not be read.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::age_file::AgeError;
use crate::connection::StoreError;
use crate::credential::ConnectionId;
use crate::oauth::OAuthError;
use crate::os::home::HomeError;

/// Why a pair could not be handed back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandBackError {
    /// Others write to the variable at the same time, again and again.
    #[error("other jobs write to {0} at the same time")]
    Contended(String),
    /// The command has failed.
    #[error("the command ended with {0}")]
    Command(ExitStatus),
    /// The command was ended.
    #[error("the command had not ended after {} s", .0.as_secs())]
    CommandTimeout(Duration),
    /// The file or its directory cannot be used.
    #[error(transparent)]
    File(#[from] HomeError),
    /// Another pair is there that was made from the same one.
    #[error(
        "{0} has another pair that was made from the same one; one of both is spent, and it is not overwritten"
    )]
    Forked(String),
    /// The user has ended the wait.
    #[error("it was given up")]
    GivenUp,
    /// The server has not answered as it should.
    #[error(transparent)]
    Http(#[from] OAuthError),
    /// Another process keeps the file's lock.
    #[error("another job has held the lock {} for more than {} s", .path.display(), .waited.as_secs())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// There is no such variable.
    #[error("there is not {0}, or the account may not see it; create it first, empty")]
    NoVariable(String),
    /// The provider has no variables of CI projects.
    #[error("the server of {0} has no variables of CI projects")]
    NoVariables(ConnectionId),
    /// What is there does not open.
    #[error("what {place} has is not overwritten: {reason}")]
    NotOurs {
        /// Where.
        place: String,
        /// Why.
        reason: String,
    },
    /// The pair is not durable yet.
    #[error("the new pair is not in the vault yet")]
    NotYetStored,
    /// Another login is there.
    #[error("{0} has another login of the connection, which is not overwritten")]
    OtherLogin(String),
    /// The server has refused.
    #[error("{place} answers {status}{reason}")]
    Refused {
        /// Where.
        place: String,
        /// The status.
        status: u16,
        /// What that means.
        reason: &'static str,
    },
    /// The file's directory does not respond.
    #[error("{place} has not responded after {} s", .waited.as_secs())]
    NoResponse {
        /// The file.
        place: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It cannot be sealed.
    #[error(transparent)]
    Sealing(#[from] AgeError),
    /// The program or the thread could not be started.
    #[error("it could not be started: {0}")]
    Start(io::Error),
    /// The vault, or what is there, cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A variable takes no more.
    #[error("the sealed export has {length} characters, and a variable takes {limit}")]
    TooLong {
        /// The length.
        length: usize,
        /// What fits.
        limit: usize,
    },
}
