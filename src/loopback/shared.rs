//! What arrives at the listener, and what its connections share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::accept_limits::{AcceptLimits, Visitor};
use super::address::RedirectUri;
use super::pages::{Form, Outcome};
use crate::secret::Secret;

/// Something that arrived at the listener.
#[derive(Debug)]
pub enum Arrival {
    /// The form was submitted.
    Client {
        /// The application's client id.
        client_id: String,
        /// The application's client secret, unless the field was left empty.
        client_secret: Option<Secret<String>>,
        /// Who submitted it.
        visitor: Visitor,
        /// Takes the URL to redirect the browser to, or what is wrong with the fields.
        reply: oneshot::Sender<Result<Url, String>>,
    },
    /// The form for a key was submitted.
    Key {
        /// The parts that were filled in, by their names. They may be none of the form's.
        parts: HashMap<String, Secret<String>>,
        /// Who submitted it.
        visitor: Visitor,
        /// Takes the outcome to show.
        reply: oneshot::Sender<Outcome>,
    },
    /// The provider redirected the browser back.
    Redirect {
        /// The query of the redirect. It contains the code.
        query: Secret<String>,
        /// Whose browser it is.
        visitor: Visitor,
        /// Takes the outcome to show.
        reply: oneshot::Sender<Outcome>,
    },
    /// A connection was refused, the first one of its kind in this login. It expects no reply.
    Stranger {
        /// Whether it certainly belongs to another user. Otherwise the kernel knows no owner.
        of_another_user: bool,
    },
}

/// What the connections of one listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) csrf: Secret<String>,
    pub(super) form: Mutex<Option<Form>>,
    pub(super) start: Mutex<Option<Start>>,
    pub(super) accept_limits: AcceptLimits,
    pub(super) redirect: RedirectUri,
}

/// The redirect to the provider. The provider's URL contains the `state`, and the arguments of a
/// browser are visible to everybody on the machine.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) nonce: Secret<String>,
    pub(super) leads_to: Url,
}

/// Locks the mutex even if a panic has poisoned it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
