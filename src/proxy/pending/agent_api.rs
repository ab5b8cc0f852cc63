//! What the agent's API tells beside the lists of this room.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;

/// What of the API is served.
#[derive(Clone)]
pub struct AgentApi {
    facts: Arc<ArcSwap<Value>>,
}

impl AgentApi {
    /// Tells `facts`: what is known of the session before its first request, as JSON.
    pub fn new(facts: Value) -> Self {
        Self {
            facts: Arc::new(ArcSwap::from_pointee(facts)),
        }
    }

    /// What it tells now.
    pub fn facts(&self) -> Arc<Value> {
        self.facts.load_full()
    }

    /// From now on, it tells these.
    pub fn replace(&self, facts: Value) {
        self.facts.store(Arc::new(facts));
    }
}

impl fmt::Debug for AgentApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentApi").finish_non_exhaustive()
    }
}
