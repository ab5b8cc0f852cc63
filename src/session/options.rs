//! What a user may choose for a session.

use std::ffi::OsString;
use std::path::PathBuf;

use authsome_providers::ProviderId;

use crate::credential::ConnectionId;
use crate::hand_back::OnRotate;
use crate::net::resolve::Resolve;
use crate::proxy::{Listen, Policy};

/// What a user may choose for a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether commands inside the run may print and change secrets.
    pub allows_export: bool,
    /// The connections to use where several connections of one provider match equally well.
    pub chosen: Vec<ConnectionId>,
    /// The directory of the session's files, which must not exist; `None` for one in the usual
    /// place.
    pub directory: Option<PathBuf>,
    /// Where the proxy listens.
    pub listen: Listen,
    /// Variables that the child inherits unchanged from the parent.
    pub left_alone: Vec<OsString>,
    /// Where the new pairs of refreshes go, for the next job.
    pub on_rotate: Option<OnRotate>,
    /// The providers whose connections take part. If it is empty, all connections do.
    pub only: Vec<ProviderId>,
    /// What happens to hosts that belong to no connection.
    pub policy: Policy,
    /// Host names with fixed addresses.
    pub resolve: Vec<Resolve>,
    /// Whether git's SSH remotes at the connections' hosts are rewritten to HTTPS.
    pub rewrites_ssh: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allows_export: false,
            chosen: Vec::new(),
            directory: None,
            listen: Listen::default(),
            left_alone: Vec::new(),
            on_rotate: None,
            only: Vec::new(),
            policy: Policy::Allow,
            resolve: Vec::new(),
            rewrites_ssh: true,
        }
    }
}
