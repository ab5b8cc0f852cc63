//! A connection that takes part in a session.

use std::sync::Arc;

use authsome_providers::{Provider, Service};

use crate::connection::Stored;
use crate::proxy::Preference;

pub(super) struct Member {
    pub(super) stored: Stored,
    /// What its definition says at present, for all of the provider's connections.
    pub(super) provider: Arc<Provider>,
    /// The same where this connection is, within what it was made with.
    pub(super) service: Service,
    /// Whether it is taken where several fit.
    pub(super) preference: Preference,
}
