//! What the tasks of all connections share.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::handler::Handlers;
use crate::audit::Audit;
use crate::os::home::Home;

pub(super) struct Shared {
    pub(super) home: Home,
    pub(super) audit: Arc<Audit>,
    pub(super) handlers: Handlers,
    /// How many more are served.
    pub(super) clients: Arc<Semaphore>,
}
