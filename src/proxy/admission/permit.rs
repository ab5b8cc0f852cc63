//! Room for a connection.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// What a connection holds until its last byte: dropping it makes room for another.
pub(in crate::proxy) type Permit = Arc<OwnedSemaphorePermit>;
