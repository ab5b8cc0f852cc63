//! One cell while it runs: what the server shall do, what it saw, and what its client has told it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::cell::Cell;
use crate::outcome::{End, Received};
use crate::pattern;

/// Shared by the server's connections and the client of a cell.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) cell: Cell,
    seen: Mutex<Seen>,
    /// Rises with each change of `seen`.
    changes: watch::Sender<u64>,
    client: watch::Sender<bool>,
    over: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: BTreeMap<usize, Received>,
    answered: usize,
    garbage: Option<String>,
}

impl Scene {
    pub(crate) fn new(cell: Cell) -> Self {
        Self {
            cell,
            seen: Mutex::default(),
            changes: watch::Sender::new(0),
            client: watch::Sender::new(false),
            over: watch::Sender::new(false),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut Received)) {
        change(self.seen().requests.entry(index).or_default());
        self.changes.send_modify(|count| *count += 1);
    }

    /// A request has arrived.
    pub(crate) fn arrived(&self, index: usize) {
        self.change(index, |received| {
            received.requests += 1;
            received.bytes = 0;
            received.end = End::Open;
        });
    }

    /// A piece of its body has.
    pub(crate) fn read(&self, index: usize, bytes: &[u8]) {
        self.change(index, |received| {
            received.is_garbled |= !pattern::fits(received.bytes, bytes);
            received.bytes += bytes.len() as u64;
        });
    }

    pub(crate) fn ended(&self, index: usize, end: End) {
        self.change(index, |received| received.end = end);
    }

    /// The server sees that this request's client has gone.
    pub(crate) fn noticed(&self, index: usize) {
        self.change(index, |received| received.noticed = true);
    }

    /// Something came that is no request.
    pub(crate) fn garbage(&self, bytes: &[u8]) {
        let start = bytes.get(..bytes.len().min(60)).unwrap_or_default();
        self.seen().garbage = Some(String::from_utf8_lossy(start).into_owned());
    }

    /// One more response is out; how many there are.
    pub(crate) fn answered(&self) -> usize {
        let mut seen = self.seen();
        seen.answered += 1;
        seen.answered
    }

    /// What the server has seen of a request.
    pub(crate) fn received(&self, index: usize) -> Received {
        self.seen()
            .requests
            .get(&index)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn take_garbage(&self) -> Option<String> {
        self.seen().garbage.take()
    }

    /// Waits for a change that makes this true; false where it does not come in time.
    pub(crate) async fn wait_for(
        &self,
        limit: Duration,
        enough: impl Fn(&Received) -> bool,
    ) -> bool {
        let mut changes = self.changes.subscribe();
        let until = tokio::time::Instant::now() + limit;
        loop {
            changes.mark_unchanged();
            if (0..self.cell.client.streams()).all(|index| enough(&self.received(index))) {
                return true;
            }
            if tokio::time::timeout_at(until, changes.changed())
                .await
                .is_err()
            {
                return false;
            }
        }
    }

    /// The client has gone.
    pub(crate) fn leave(&self) {
        self.client.send_replace(true);
    }

    /// Waits until it has.
    pub(crate) async fn client_left(&self) {
        // The sender lives as long as this value.
        let _ = self.client.subscribe().wait_for(|left| *left).await;
    }

    /// Ends what the server still does for it.
    pub(crate) fn finish(&self) {
        self.over.send_replace(true);
    }

    pub(crate) async fn finished(&self) {
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Whether the client leaves of its own will.
    pub(crate) fn is_left(&self) -> bool {
        self.cell.is_left()
    }
}
