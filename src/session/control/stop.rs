//! The end of a run that somebody asks for from outside.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::handler::{Handler, Reply};

/// How long the command has to end by itself, unless the request says how long, and the longest
/// that it can say.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
const MAX_GRACE: Duration = Duration::from_mins(10);

/// Whether the end of the run was asked for.
#[derive(Debug)]
pub(in crate::session) struct Stopping(watch::Sender<Option<Duration>>);

impl Stopping {
    /// It was not.
    pub(in crate::session) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(None)))
    }

    /// Waits until it is asked for. Returns how long the command has to end by itself.
    pub(in crate::session) async fn requested(&self) -> Duration {
        let mut receiver = self.0.subscribe();
        let grace = receiver.wait_for(Option::is_some).await;
        match grace.ok().and_then(|grace| *grace) {
            Some(grace) => grace,
            None => std::future::pending().await, // `self` holds the sender
        }
    }
}

/// Answers `stop`.
pub(in crate::session) struct StopHandler(pub(in crate::session) Arc<Stopping>);

impl Handler for StopHandler {
    fn handle<'a>(&'a self, request: &'a Value) -> Reply<'a> {
        let grace = request["grace_ms"].as_u64().map(Duration::from_millis);
        self.0
            .0
            .send_replace(Some(grace.unwrap_or(DEFAULT_GRACE).min(MAX_GRACE)));
        Box::pin(async { Ok(json!({})) })
    }
}
