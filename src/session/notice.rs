//! What the user should know of while a session is put together, and when it ends.
//!
//! It is data: whoever starts the session has the words, and knows which command to advise.

use std::ffi::OsString;

use authsome_providers::ProviderId;

use super::error::{SessionError, UnusedDirectory};
use crate::credential::ConnectionId;
use crate::os::home::HomeError;
use crate::proxy::Tie;

/// Something to be said. None of them ends the session, and none holds a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Something is another than these connections were made with.
    Changed {
        /// What it is.
        change: Change,
        /// The connections.
        connections: Vec<ConnectionId>,
    },
    /// A field of a definition has no effect.
    Definition {
        /// Whose definition.
        provider: ProviderId,
        /// What is wrong with it.
        warning: String,
    },
    /// The session's files go elsewhere.
    DirectoryUnused(UnusedDirectory),
    /// A variable that was to be left alone is none that would be changed.
    LeftAlone(OsString),
    /// A connection takes no part.
    LeftOut {
        /// Which one.
        id: ConnectionId,
        /// Why.
        error: SessionError,
    },
    /// So many more kinds of [`Notice::Changed`] are not told.
    MoreChanges(usize),
    /// The user has to log in again.
    NeedsLogin {
        /// To which connection.
        id: ConnectionId,
        /// Why.
        reason: String,
    },
    /// There is no connection, so nothing will be injected.
    NoConnection,
    /// This system has no trusted root certificates.
    NoRoots,
    /// The run is not entered in the home: its commands are known by descent alone.
    NotEntered(HomeError),
    /// Nothing is injected at a place of a connection, as it is not spoken to by TLS.
    NotHttps {
        /// The connection.
        id: ConnectionId,
        /// The place.
        route: String,
    },
    /// A refresh was still under way and was given up.
    RefreshGivenUp,
    /// A variable of the parent's has a secret of the vault in it; the child gets the placeholder.
    SecretFound(OsString),
    /// A new pair could not be written to the vault and is kept beside it.
    SetAside(ConnectionId),
    /// Connections that have the same right to a place, where none is taken.
    Tie(Tie),
    /// The end takes long: a refresh is under way.
    WaitingForRefresh,
}

/// What is another since a connection was made, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The settings lift these guards since then.
    Allowed(Vec<String>),
    /// The definition names none of its places any more; these are new, and nothing goes there.
    Elsewhere(Vec<String>),
    /// Nothing goes to these places.
    LeftOut(Vec<String>),
    /// The definition is another. What was denied is denied still, by the names of the rules.
    Replaced {
        /// Those that the present definition does not deny.
        denied: Vec<String>,
    },
}
