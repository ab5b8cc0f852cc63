//! One request's line in the log, written when its answer has ended.

use std::sync::Arc;
use std::time::Instant;

use crate::audit::{Audit, Event, Kind, Way};

/// A line in the making; empty once it is written, or not worth one.
#[derive(Debug, Default)]
pub(super) struct Entry {
    line: Option<Box<Line>>,
}

#[derive(Debug)]
struct Line {
    audit: Arc<Audit>,
    event: Event,
    started: Instant,
}

impl Entry {
    /// A line for a request that has just come in.
    pub(super) fn new(audit: &Arc<Audit>, way: Way, method: &str, host: &str, path: &str) -> Self {
        let mut event = Event::new(Kind::Failed).request(method, host, path);
        event.way = Some(way);
        let line = Line {
            audit: Arc::clone(audit),
            event,
            started: Instant::now(),
        };
        Self {
            line: Some(Box::new(line)),
        }
    }

    /// The connection it turned out to belong to.
    pub(super) fn belongs_to(&mut self, connection: &str) {
        if let Some(line) = &mut self.line {
            line.event.connection = Some(connection.to_owned());
        }
    }

    /// It is not worth a line: nothing was injected, nothing refused.
    pub(super) fn forget(&mut self) {
        self.line = None;
    }

    /// It goes out with a credential: from now on it has a line, whatever becomes of it.
    pub(super) fn sent(&mut self) {
        if let Some(line) = &mut self.line {
            line.event.event = Kind::Injected;
        }
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
        if let Some(line) = &mut self.line {
            (line.event.event, line.event.status, line.event.reason) = (kind, Some(status), reason);
        }
    }

    /// The answer has ended, after that many bytes of body.
    pub(super) fn finish(&mut self, bytes: u64) {
        if let Some(line) = self.line.take() {
            let Line {
                audit,
                mut event,
                started,
            } = *line;
            event.bytes = Some(bytes);
            event.milliseconds = u64::try_from(started.elapsed().as_millis()).ok();
            audit.record(event);
        }
    }
}

impl Drop for Entry {
    /// A client that leaves before the answer takes its request down with it, but what went out went out.
    fn drop(&mut self) {
        if let Some(line) = &mut self.line
            && line.event.event == Kind::Injected
        {
            if line.event.status.is_none() {
                line.event.reason = Some("the client left before the answer came".to_owned());
            }
            self.finish(0);
        }
    }
}
