//! What the agent's API tells beside the lists of this room.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use serde_json::Value;

/// What is known of a session, as JSON; put together when it is first asked.
type Told = LazyLock<Value, Box<dyn FnOnce() -> Value + Send>>;

/// What of the API is served.
#[derive(Clone)]
pub struct AgentApi {
    facts: Arc<ArcSwap<Told>>,
}

impl AgentApi {
    /// Tells `facts`: what is known of the session before its first request, as JSON. Few runs are
    /// asked.
    pub fn new(facts: impl FnOnce() -> Value + Send + 'static) -> Self {
        Self {
            facts: Arc::new(ArcSwap::from_pointee(LazyLock::new(Box::new(facts)))),
        }
    }

    /// What it tells now.
    pub fn facts(&self) -> Arc<Told> {
        self.facts.load_full()
    }

    /// From now on, it tells these.
    pub fn replace(&self, facts: impl FnOnce() -> Value + Send + 'static) {
        let facts: Told = LazyLock::new(Box::new(facts));
        self.facts.store(Arc::new(facts));
    }
}

impl fmt::Debug for AgentApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentApi").finish_non_exhaustive()
    }
}
