//! What the page's program itself tells the pages that are open.

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast;

/// How many notices wait for a page that reads slowly.
const MAX_NOTICES: usize = 64;

/// Tells all pages that are open something in one line of JSON.
#[derive(Clone, Debug)]
pub struct Notices(broadcast::Sender<Bytes>);

impl Notices {
    /// To nobody yet.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(MAX_NOTICES))
    }

    /// What is told from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Bytes> {
        self.0.subscribe()
    }

    /// Tells an object.
    pub fn tell(&self, value: &Value) {
        let text = format!("{value}\n");
        let _ = self.0.send(crate::text::json(&text).into_owned().into()); // no page is open
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self::new()
    }
}
