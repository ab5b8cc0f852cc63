//! What all connections to the page share.

use std::sync::Arc;

use super::access::Access;
use super::actions::Actions;
use super::notices::Notices;
use super::page::Page;
use super::visitor::Visitors;
use crate::os::home::Home;

/// What all connections share.
pub(super) struct Shared {
    pub(super) home: Home,
    pub(super) host: String,
    pub(super) origin: String,
    pub(super) access: Access,
    pub(super) page: Page,
    pub(super) visitors: Visitors,
    pub(super) actions: Arc<dyn Actions>,
    pub(super) notices: Notices,
    pub(super) is_read_only: bool,
}
