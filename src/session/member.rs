//! A connection that takes part in a session.

use std::sync::Arc;

use authsome_providers::{Provider, Service};

use crate::connection::Stored;
use crate::proxy::Preference;

pub(super) struct Member {
    pub(super) stored: Stored,
    /// What its definition says at present, for all connections of the provider.
    pub(super) provider: Arc<Provider>,
    /// The same for the instance of this connection, limited to what the connection was made with.
    pub(super) service: Service,
    /// Its rank among connections that match the same request equally well.
    pub(super) preference: Preference,
}
