//! What comes in, and what the connections of one listener have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::accept_limits::{AcceptLimits, Visitor};
use super::pages::{ClientForm, Outcome};
use crate::secret::Secret;

/// Something that came in from the browser and waits for a response.
#[derive(Debug)]
pub enum Arrival {
    /// The form was filled in.
    Client {
        /// Its first field.
        client_id: String,
        /// Its second, unless left empty.
        client_secret: Option<Secret<String>>,
        /// Who did that.
        visitor: Visitor,
        /// Where to send the browser, or what is wrong with the fields.
        reply: oneshot::Sender<Result<Url, String>>,
    },
    /// The provider sent the browser back.
    Redirect {
        /// With this query, which has the code in it.
        query: Secret<String>,
        /// Whose browser it is.
        visitor: Visitor,
        /// How it went.
        reply: oneshot::Sender<Outcome>,
    },
    /// A connection was turned away, for the first time in this login. It waits for no response.
    Stranger {
        /// It is another user's for sure; else nobody's that the kernel knows of.
        of_another_user: bool,
    },
}

/// What the connections of one listener have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) csrf: Secret<String>,
    pub(super) form: Mutex<Option<ClientForm>>,
    pub(super) start: Mutex<Option<Start>>,
    pub(super) accept_limits: AcceptLimits,
}

/// The way to the provider: its URL holds the `state`, which a browser's argument list would show
/// to everybody on the machine.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) nonce: Secret<String>,
    pub(super) leads_to: Url,
}

/// A lock that a panic elsewhere does not keep.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
