//! What the agent's API tells of a session.

use std::fmt;

use serde_json::Value;

/// What of the API is served.
#[derive(Clone)]
pub struct AgentApi {
    /// What is known of the session before its first request, as JSON.
    pub facts: Value,
}

impl fmt::Debug for AgentApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentApi").finish_non_exhaustive()
    }
}
