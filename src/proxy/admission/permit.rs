//! The permit of a connection.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// Held by a connection until its last byte; dropping it makes room for another one.
pub(in crate::proxy) type Permit = Arc<OwnedSemaphorePermit>;
