//! What the user should know while a session is put together, and when it ends.
//!
//! Notices are data. The caller that starts the session has the words, and knows which command to
//! suggest.

use std::ffi::OsString;
use std::sync::Arc;

use authsome_providers::ProviderId;

use super::error::{SessionError, UnusedDirectory};
use crate::credential::ConnectionId;
use crate::hand_back::HandBackError;
use crate::os::home::HomeError;
use crate::os::private_socket::SocketError;
use crate::proxy::{PendingRequest, Tie, Wanted};

/// Something to report to the user. No notice ends the session, and none contains a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Another job has renewed this connection; its pair was taken in.
    Adopted(ConnectionId),
    /// Something has changed since these connections were made.
    Changed {
        /// What has changed.
        change: Change,
        /// The connections.
        connections: Vec<ConnectionId>,
    },
    /// A request waits for the user's decision.
    Asks(Box<PendingRequest>),
    /// A connection that needed a new login has one, made elsewhere.
    ConnectedAgain(ConnectionId),
    /// A field of a definition has no effect.
    Definition {
        /// Whose definition.
        provider: ProviderId,
        /// What is wrong with it.
        warning: String,
    },
    /// A directory is not usable for the session's files, so another one is tried.
    DirectoryUnused(UnusedDirectory),
    /// The user asked to leave a variable unchanged, but this has no effect: authsome does not
    /// change the variable, or always removes it.
    LeftAlone(OsString),
    /// A connection that was made during the run has joined it.
    Joined {
        /// Which one.
        id: ConnectionId,
        /// Where its credential is put on: scheme, host, port and path prefix.
        places: Vec<String>,
    },
    /// A provider has asked for scopes that a connection's grant lacks.
    LacksScopes {
        /// Which connection.
        id: ConnectionId,
        /// The scopes that it has, and those that it lacks.
        scopes: Vec<String>,
    },
    /// A connection takes no part.
    LeftOut {
        /// Which one.
        id: ConnectionId,
        /// Why.
        error: SessionError,
    },
    /// The number of further kinds of [`Notice::Changed`] that are not reported.
    MoreChanges(usize),
    /// The user has to log in again.
    NeedsLogin {
        /// Which connection.
        id: ConnectionId,
        /// Why.
        reason: String,
    },
    /// There is no connection, so no credential will be injected.
    NoConnection,
    /// This system has no trusted root certificates.
    NoRoots,
    /// New pairs go to a CI variable, but the server of this connection has none.
    NoVariables(ConnectionId),
    /// A new pair is not where the next job looks for it.
    NotHandedBack {
        /// Which connection.
        id: ConnectionId,
        /// Why.
        error: Arc<HandBackError>,
    },
    /// The run could not be registered in the home directory. Its commands are recognized by their
    /// process ancestry alone.
    NotEntered(HomeError),
    /// The run has no socket on which it can be watched and stopped.
    NoControl(SocketError),
    /// No credential is injected on a route of a connection, because the route is plain HTTP.
    NotHttps {
        /// The connection.
        id: ConnectionId,
        /// The route.
        route: String,
    },
    /// A refresh was still under way and was given up.
    RefreshGivenUp,
    /// A variable of the parent contains a secret of the vault. The child gets the placeholder
    /// instead.
    SecretFound(OsString),
    /// A new token pair could not be written to the vault. It is kept sealed in a file beside the
    /// vault.
    SetAside(ConnectionId),
    /// Requests wait for a login.
    RequestsWait {
        /// Which connection needs it.
        id: ConnectionId,
        /// Why.
        reason: String,
        /// How long each of them waits, in seconds.
        seconds: u64,
    },
    /// Several connections match the same requests equally well, so none of them is used.
    Tie(Tie),
    /// A program inside asks the user for a login.
    Wanted(Wanted),
    /// The end of the session takes long, because a new pair is being handed back.
    WaitingForHandBack,
    /// The end of the session takes long, because a refresh is under way.
    WaitingForRefresh,
}

/// What has changed since a connection was made. The variants are in the order in which they are
/// reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The settings have lifted these guard rules since then.
    Allowed(Vec<String>),
    /// The definition names none of the connection's routes any more. It names these instead, and
    /// no credential is sent there.
    Elsewhere(Vec<String>),
    /// The definition names these further routes. No credential is sent there.
    LeftOut(Vec<String>),
    /// The definition has been replaced. What the earlier one denied is still denied.
    Replaced {
        /// The names of the guard rules that the present definition does not have.
        denied: Vec<String>,
    },
}
