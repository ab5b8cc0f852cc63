//! What a user may choose for a session.

use std::ffi::OsString;
use std::path::PathBuf;

use authsome_providers::ProviderId;

use super::isolation::Isolation;
use super::settings::PolicyFile;
use crate::credential::ConnectionId;
use crate::hand_back::OnRotate;
use crate::net::resolve::Resolve;
use crate::proxy::{Listen, Policy, PolicyLayer, ScrubExtent};

/// Which connections take part in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// What `config.toml` says; all if it says nothing.
    #[default]
    Default,
    /// Those that [`Options::chosen`] or [`Options::only`] names.
    Named,
    /// As [`Self::Default`], and those that are made while the session runs.
    New,
}

/// Whether requests wait for the login that their connection needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Park {
    /// Where somebody is there to log in, whom the caller knows how to tell.
    Attended,
    /// Never: they are refused at once.
    Never,
    /// If config.toml says for how long.
    #[default]
    Set,
}

/// What a user permits in a session, beside what `config.toml` says.
#[derive(Clone, Debug, Default)]
pub struct PolicyOptions {
    /// What happens to hosts that belong to no connection; `None` where `config.toml` is to say it.
    pub unmanaged: Option<Policy>,
    /// The rules of the flags. Their `unmanaged` and `source` are set by the session.
    pub rules: PolicyLayer,
    /// A file with further rules.
    pub file: Option<PathBuf>,
    /// Files with further rules that have been read.
    pub read: Vec<PolicyFile>,
}

/// Where containers see the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFrom {
    /// Where the directory of the session's files is mounted.
    pub directory: PathBuf,
    /// The host name or address at which the proxy's port is reached, an IPv6 address in brackets.
    pub host: String,
}

/// What a user may choose for a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether programs inside may ask `https://authsome.internal/` what they may reach.
    pub agent_api: bool,
    /// Whether commands inside the run may print and change secrets.
    pub allows_export: bool,
    /// Where the children are, if they are in containers: they inherit nothing of the parent.
    pub containers: Option<SeenFrom>,
    /// The connections to use where several connections of one provider match equally well.
    pub chosen: Vec<ConnectionId>,
    /// The directory of the session's files, which must not exist; `None` for one in the usual
    /// place.
    pub directory: Option<PathBuf>,
    /// Where the proxy listens.
    pub listen: Listen,
    /// The command is started in namespaces of its own ([`super::Session::spawn_isolated`]).
    pub isolation: Option<Isolation>,
    /// Variables that the child inherits unchanged from the parent.
    pub left_alone: Vec<OsString>,
    /// Where the new pairs of refreshes go, for the next job.
    pub on_rotate: Option<OnRotate>,
    /// The providers whose connections take part. If it is empty, all connections do.
    pub only: Vec<ProviderId>,
    /// Which connections take part: all, or only those that are named.
    pub join: Join,
    /// Guard rules that let requests of this session wait for a yes, as `provider/rule`.
    pub asked: Vec<String>,
    /// Guard rules that are lifted for this session, as `provider/rule`.
    pub lifted: Vec<String>,
    /// Whether requests wait for the login that their connection needs.
    pub park: Park,
    /// What the user permits.
    pub policy: PolicyOptions,
    /// What responses are searched in for the session's secrets.
    pub scrub: ScrubExtent,
    /// Host names with fixed addresses.
    pub resolve: Vec<Resolve>,
    /// Whether git's SSH remotes at the connections' hosts are rewritten to HTTPS.
    pub rewrites_ssh: bool,
}

impl Options {
    /// Whether they leave something out that the user's connections may do otherwise: a run within
    /// the session that does not know of that would be wider than it.
    pub fn has_rules(&self) -> bool {
        let of_policy = self.policy.unmanaged == Some(Policy::Deny)
            || self.policy.file.is_some()
            || !self.policy.rules.is_empty();
        let of_connections =
            !self.only.is_empty() || !self.chosen.is_empty() || self.join == Join::Named;
        of_policy || of_connections
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agent_api: true,
            allows_export: false,
            containers: None,
            chosen: Vec::new(),
            directory: None,
            isolation: None,
            listen: Listen::default(),
            left_alone: Vec::new(),
            on_rotate: None,
            only: Vec::new(),
            join: Join::default(),
            asked: Vec::new(),
            lifted: Vec::new(),
            park: Park::default(),
            policy: PolicyOptions::default(),
            scrub: ScrubExtent::default(),
            resolve: Vec::new(),
            rewrites_ssh: true,
        }
    }
}
