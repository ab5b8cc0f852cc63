//! The log as it is written, for subscribers in the same process.
//!
//! The writer thread passes on each batch that it takes from the queue, so a subscriber adds no
//! work to a request. Nothing waits for a subscriber: one that falls behind loses the oldest
//! batches, and learns how many it has lost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use memchr::memchr;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::event::Event;

/// The maximum number of batches that wait for a slow subscriber.
const MAX_BATCHES: usize = 16;

/// What a subscriber receives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Told {
    /// The next event.
    Event(Box<Event>),
    /// The subscriber fell behind and lost this number of batches of events. They are still in the
    /// file, unless it could not be written.
    Missed(u64),
}

/// The events since the subscription, in the order of the log.
#[derive(Debug)]
pub struct Feed {
    batches: Receiver<Bytes>,
    /// Complete lines that have not been returned yet.
    lines: Bytes,
}

impl Feed {
    /// Waits for the next event. `None` once the log is finished. Cancel safe: an event that was
    /// not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(event) = self.next_line() {
                return Some(Told::Event(event));
            }
            match self.batches.recv().await {
                Ok(batch) => self.lines = batch,
                Err(RecvError::Lagged(batches)) => return Some(Told::Missed(batches)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn next_line(&mut self) -> Option<Box<Event>> {
        while let Some(end) = memchr(b'\n', &self.lines) {
            let line = self.lines.split_to(end);
            self.lines.advance(1);
            if let Ok(event) = serde_json::from_slice(&line) {
                return Some(Box::new(event));
            }
        }
        None
    }
}

/// The channel to the subscribers. `None` once the log is finished.
#[derive(Debug)]
pub(super) struct Subscribers(Mutex<Option<Sender<Bytes>>>);

impl Default for Subscribers {
    fn default() -> Self {
        Self(Mutex::new(Some(channel(MAX_BATCHES).0)))
    }
}

impl Subscribers {
    pub(super) fn subscribe(&self) -> Feed {
        let batches = self.lock().as_ref().map(Sender::subscribe);
        Feed {
            batches: batches.unwrap_or_else(|| channel(1).1),
            lines: Bytes::new(),
        }
    }

    /// Sends complete lines to the subscribers, if there are any.
    pub(super) fn tell(&self, lines: &[u8]) {
        if let Some(sender) = &*self.lock()
            && sender.receiver_count() > 0
        {
            let _ = sender.send(Bytes::copy_from_slice(lines)); // the last one may have just left
        }
    }

    /// Ends every feed, after the lines that have already been sent.
    pub(super) fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Sender<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Kind;
    use super::*;

    fn line(kind: Kind) -> Vec<u8> {
        let mut line = serde_json::to_vec(&Event::new(kind)).unwrap();
        line.push(b'\n');
        line
    }

    fn kind(told: Option<Told>) -> Kind {
        match told {
            Some(Told::Event(event)) => event.event,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn events_come_in_order_and_end_with_the_log() {
        let subscribers = Subscribers::default();
        subscribers.tell(&line(Kind::Login)); // nobody has subscribed yet
        let mut feed = subscribers.subscribe();
        subscribers.tell(&[line(Kind::Injected), line(Kind::Denied)].concat());
        subscribers.tell(&line(Kind::Logout));
        subscribers.end();
        assert_eq!(kind(feed.next().await), Kind::Injected);
        assert_eq!(kind(feed.next().await), Kind::Denied);
        assert_eq!(kind(feed.next().await), Kind::Logout);
        assert!(feed.next().await.is_none());
        assert!(subscribers.subscribe().next().await.is_none());
    }

    #[tokio::test]
    async fn who_falls_behind_is_told_and_goes_on() {
        let subscribers = Subscribers::default();
        let mut feed = subscribers.subscribe();
        for _ in 0..MAX_BATCHES + 3 {
            subscribers.tell(&line(Kind::Injected));
        }
        assert!(matches!(feed.next().await, Some(Told::Missed(3))));
        for _ in 0..MAX_BATCHES {
            assert_eq!(kind(feed.next().await), Kind::Injected);
        }
    }
}
