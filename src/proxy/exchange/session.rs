//! What all requests of one run share.

use std::collections::HashSet;
use std::sync::Arc;

use super::scrubbing::Scrubbing;
use crate::audit::Audit;
use crate::proxy::pending::{AgentApi, Pending};
use crate::proxy::policy::all_routes::Routes;
use crate::proxy::policy::session_policy::SessionPolicy;
use crate::proxy::upstream::send::Upstream;

/// The state of a session, as its requests see it. A request only reads it, and takes no lock.
#[derive(Debug)]
pub(in crate::proxy) struct Session<S> {
    /// The agent's API; `None` if it is off.
    pub(in crate::proxy) agent: Option<AgentApi>,
    /// Guard rules that the user has lifted, as `provider/rule`.
    pub(in crate::proxy) allowed_guards: HashSet<String>,
    /// Guard rules that let a request wait for the user's yes, as `provider/rule`.
    pub(in crate::proxy) asked_guards: HashSet<String>,
    /// The log.
    pub(in crate::proxy) audit: Arc<Audit>,
    /// What waits for the user.
    pub(in crate::proxy) pending: Arc<Pending>,
    /// What the user permits.
    pub(in crate::proxy) policy: Arc<SessionPolicy>,
    /// Which connection a request belongs to.
    pub(in crate::proxy) routes: Arc<Routes>,
    /// What responses are searched for.
    pub(in crate::proxy) scrubbing: Arc<Scrubbing>,
    /// Where credentials come from.
    pub(in crate::proxy) source: Arc<S>,
    /// The connections to the providers.
    pub(in crate::proxy) upstream: Upstream,
}
