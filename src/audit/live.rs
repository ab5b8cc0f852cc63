//! What happens in a run, for those who watch it from outside: the lines of the log, and in
//! addition what is of interest only while somebody looks: the start of each request, and how it
//! was decided.
//!
//! While nobody watches, a request costs one relaxed load more than its line in the log costs, and
//! the writer thread copies each batch to the ring. Nothing waits for a watcher: one that falls
//! behind loses the oldest batches, and learns how many.
//!
//! ```text
//! nobody watches   a line ─→ the queue ─→ writer: file, ring
//! somebody does    a line ─→ the queue ─→ writer: file, ring
//!                     └────→ the live lines, with the request's number ─→ writer: watchers
//! ```

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

/// The number of bytes of past lines that a new watcher is given. A line has about 200.
const MAX_RING: usize = 64 * 1024;

/// The maximum number of batches that wait for a slow watcher. The writer makes at most twenty in a
/// second, unless they are full.
const MAX_BATCHES: usize = 64;

/// The last lines of the log, whole ones, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Ring(VecDeque<u8>);

impl Ring {
    /// Adds whole lines, and drops the oldest.
    pub(super) fn push(&mut self, lines: &[u8]) {
        let kept = lines.len().saturating_sub(MAX_RING);
        self.0.extend(lines.get(kept..).unwrap_or_default());
        let excess = self.0.len().saturating_sub(MAX_RING);
        if excess > 0 {
            // Up to the end of the line that is cut.
            let rest = self.0.iter().skip(excess.saturating_sub(1));
            let cut = rest.take_while(|byte| **byte != b'\n').count();
            let end = (excess + cut).min(self.0.len());
            self.0.drain(..end);
        }
    }

    /// A copy of the lines.
    pub(super) fn lines(&self) -> Vec<u8> {
        let (front, back) = self.0.as_slices();
        [front, back].concat()
    }
}

/// How many watch, and the channel to them.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    count: AtomicUsize,
    /// Made for the first watcher. `None` again once the log is finished.
    sender: Mutex<Option<Sender<Bytes>>>,
    requests: AtomicU64,
}

impl Watchers {
    /// Whether anybody watches. Asked for each request.
    pub(super) fn are_there(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// The number of the next request that is watched.
    pub(super) fn number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a watcher, who gets what is told from now on.
    pub(super) fn add(self: &Arc<Self>, recent: Vec<u8>) -> Watch {
        let mut sender = self.lock();
        let sender = sender.get_or_insert_with(|| channel(MAX_BATCHES).0);
        self.count.fetch_add(1, Ordering::Relaxed);
        Watch {
            recent: Some(recent.into()),
            batches: sender.subscribe(),
            watchers: Arc::clone(self),
        }
    }

    /// Sends whole lines to all watchers.
    pub(super) fn tell(&self, lines: &[u8]) {
        if let Some(sender) = &*self.lock()
            && !lines.is_empty()
        {
            let _ = sender.send(Bytes::copy_from_slice(lines)); // the last one may have just left
        }
    }

    /// Ends every watch, after what has already been told.
    pub(super) fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Sender<Bytes>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one watcher receives. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    recent: Option<Bytes>,
    batches: Receiver<Bytes>,
    watchers: Arc<Watchers>,
}

/// What comes next for a watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched {
    /// Whole lines of JSON.
    Lines(Bytes),
    /// The watcher fell behind and lost this number of batches.
    Missed(u64),
}

impl Watch {
    /// The lines from before the watch began, up to a bound. Empty from the second call on.
    pub fn recent(&mut self) -> Bytes {
        self.recent.take().unwrap_or_default()
    }

    /// Waits for what happens next. `None` once the log is finished. Cancel safe.
    pub async fn next(&mut self) -> Option<Watched> {
        match self.batches.recv().await {
            Ok(lines) => Some(Watched::Lines(lines)),
            Err(RecvError::Lagged(batches)) => Some(Watched::Missed(batches)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What only watchers learn of a request. Made where it comes in, if somebody watches by then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LiveRequest {
    /// Its number among the requests of the run that were watched.
    pub request: u64,
    /// What was taken off: names of headers and of query parameters, never their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stripped: Vec<String>,
    /// What was put on: the shape of the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put_on: Option<String>,
    /// What was decided, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_whole_lines() {
        let mut ring = Ring::default();
        ring.push(b"one\ntwo\n");
        assert_eq!(ring.lines(), b"one\ntwo\n");
        let line = [&[b'x'; 99][..], b"\n"].concat();
        for _ in 0..2 * MAX_RING / line.len() {
            ring.push(&line);
        }
        let kept = ring.lines();
        assert!(kept.len() <= MAX_RING && kept.len() > MAX_RING - 2 * line.len());
        assert!(kept.chunks(100).all(|one| one == line));
        ring.push(&vec![b'y'; 2 * MAX_RING]);
        assert!(ring.lines().len() <= MAX_RING);
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_and_who_leaves_is_not_counted() {
        let watchers = Arc::<Watchers>::default();
        assert!(!watchers.are_there());
        let mut watch = watchers.add(b"before\n".to_vec());
        assert!(watchers.are_there());
        assert_eq!(watch.recent(), Bytes::from_static(b"before\n"));
        assert!(watch.recent().is_empty());
        for _ in 0..=MAX_BATCHES {
            watchers.tell(b"line\n");
        }
        assert_eq!(watch.next().await, Some(Watched::Missed(1)));
        let line = Watched::Lines(Bytes::from_static(b"line\n"));
        assert_eq!(watch.next().await, Some(line));
        watchers.end();
        while let Some(Watched::Lines(_)) = watch.next().await {}
        drop(watch);
        assert!(!watchers.are_there());
    }
}
