//! One request's line in the log, written when its answer has ended.

use std::sync::Arc;
use std::time::Instant;

use crate::audit::{Audit, Event, Kind};

/// A line in the making.
#[derive(Debug)]
pub(super) struct Entry {
    audit: Arc<Audit>,
    event: Option<Event>,
    started: Instant,
}

impl Entry {
    /// A line for a request that has just come in.
    pub(super) fn new(audit: &Arc<Audit>, method: &str, host: &str, path: &str) -> Self {
        let event = Event::new(Kind::Failed).request(method, host, path);
        Self {
            audit: Arc::clone(audit),
            event: Some(event),
            started: Instant::now(),
        }
    }

    /// The connection it turned out to belong to.
    pub(super) fn belongs_to(&mut self, connection: &str) {
        if let Some(event) = &mut self.event {
            event.connection = Some(connection.to_owned());
        }
    }

    /// It is not worth a line: nothing was injected, nothing refused.
    pub(super) fn forget(&mut self) {
        self.event = None;
    }

    /// It went out with a credential, and this came back.
    pub(super) fn injected(&mut self, status: u16) {
        self.set(Kind::Injected, status, None);
    }

    /// It was answered by authsome itself.
    pub(super) fn refused(&mut self, kind: Kind, status: u16, reason: String) {
        self.set(kind, status, Some(reason));
    }

    fn set(&mut self, kind: Kind, status: u16, reason: Option<String>) {
        if let Some(event) = &mut self.event {
            (event.event, event.status, event.reason) = (kind, Some(status), reason);
        }
    }

    /// The answer has ended, after that many bytes of body.
    pub(super) fn finish(&mut self, bytes: u64) {
        if let Some(mut event) = self.event.take() {
            event.bytes = Some(bytes);
            event.milliseconds = u64::try_from(self.started.elapsed().as_millis()).ok();
            self.audit.record(event);
        }
    }
}
