//! What a user may choose for a session.

use std::ffi::OsString;

use authsome_providers::ProviderId;

use crate::credential::ConnectionId;
use crate::net::resolve::Resolve;
use crate::proxy::Policy;

/// What a user may choose for a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether commands within the run may print and change secrets.
    pub allows_export: bool,
    /// The connections that are taken where several of one provider have the same right to a place.
    pub chosen: Vec<ConnectionId>,
    /// Variables that the child has as the parent has them.
    pub left_alone: Vec<OsString>,
    /// The providers whose connections take part; all, where none is named.
    pub only: Vec<ProviderId>,
    /// What happens to hosts that belong to no connection.
    pub policy: Policy,
    /// Names with given addresses.
    pub resolve: Vec<Resolve>,
    /// Whether git's SSH remotes at the connections' hosts go over HTTPS.
    pub rewrites_ssh: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allows_export: false,
            chosen: Vec::new(),
            left_alone: Vec::new(),
            only: Vec::new(),
            policy: Policy::Allow,
            resolve: Vec::new(),
            rewrites_ssh: true,
        }
    }
}
