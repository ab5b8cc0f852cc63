//! The log as the rest of the program sees it, and the thread that writes it. Recording an event
//! never waits for the disk.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

use super::FILE;
use super::event::{Event, Kind};
use super::feed::{Feed, Subscribers};
use super::file::LogFile;
use super::line::{Lines, RequestLine};
use super::live::{Ring, Watch, Watchers};
use super::tally::Tally;
use crate::os::home::Home;

/// The maximum number of bytes that wait for the disk. Beyond it, events are counted and dropped,
/// because a slow disk must not delay requests.
const MAX_QUEUE: usize = 1024 * 1024;

/// How long the writer lets lines gather before it writes them in one call, and how many bytes end
/// the wait early. Waking the writer for each line would cost a request more than all other work of
/// the log.
const GATHERING: Duration = Duration::from_millis(50);
const BATCH: usize = 64 * 1024;

/// The log. Recording never waits for the disk: a single thread, started with the first event,
/// writes what was recorded.
#[derive(Debug)]
pub struct Audit {
    home: Home,
    queue: Arc<Queue>,
    subscribers: Arc<Subscribers>,
    watchers: Arc<Watchers>,
    writer: OnceLock<Mutex<Option<JoinHandle<io::Result<()>>>>>,
}

/// What waits for the writer.
#[derive(Debug, Default)]
struct Queue {
    pending: Mutex<Pending>,
    /// Notified when there is something to write, when a batch is full, and when nothing more will
    /// come.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    lines: Lines,
    /// The last lines that the writer has taken.
    ring: Ring,
    /// Events that were dropped because the queue was full.
    lost: u64,
    stop: bool,
}

impl Audit {
    /// The log of that home. The file is opened with the first event.
    pub fn new(home: &Home) -> Self {
        Self {
            home: home.clone(),
            queue: Arc::default(),
            subscribers: Arc::default(),
            watchers: Arc::default(),
            writer: OnceLock::new(),
        }
    }

    /// From now on every line names that run.
    pub fn name_run(&self, id: &str) {
        self.queue.lock().lines.name_run(id);
    }

    /// What has been recorded here so far, in numbers.
    pub fn tally(&self) -> Tally {
        self.queue.lock().lines.tally().clone()
    }

    /// Records an event.
    pub fn record(&self, event: &Event) {
        self.add(|lines, is_watched| {
            let start = lines.len();
            lines.push(event);
            if is_watched {
                lines.copy_to_live(start, None);
            }
        });
    }

    /// Records what happened to a request.
    pub fn record_request(&self, line: &RequestLine<'_>) {
        self.add(|lines, is_watched| {
            let start = lines.len();
            lines.push_request(line);
            if is_watched {
                lines.copy_to_live(start, line.live);
            }
        });
    }

    /// Tells those who watch, and nobody else: it is not in the file. While nobody watches, it does
    /// nothing. The value is an object, and has no secret in it.
    pub fn tell(&self, value: &impl Serialize) {
        self.add(|lines, is_watched| {
            if is_watched {
                lines.push_live(value);
            }
        });
    }

    /// The number of a request that has come in, if somebody watches.
    pub fn watched_request(&self) -> Option<u64> {
        self.watchers.are_there().then(|| self.watchers.number())
    }

    /// Watches what is recorded and told here from now on. It begins with the last lines from
    /// before.
    pub fn watch(&self) -> Watch {
        let mut pending = self.queue.lock();
        // What others who watch have not been told yet is among the lines from before.
        let live = pending.lines.take_live();
        self.watchers.tell(&live);
        let recent = [pending.ring.lines().as_slice(), pending.lines.bytes()].concat();
        self.watchers.add(recent)
    }

    /// Subscribes to the events that are recorded here from now on. Events of other processes,
    /// which append to the same file, are not among them.
    pub fn subscribe(&self) -> Feed {
        self.subscribers.subscribe()
    }

    /// Tells those who watch what is still queued, and ends each watch.
    pub fn end_watching(&self) {
        let live = self.queue.lock().lines.take_live();
        self.watchers.tell(&live);
        self.watchers.end();
    }

    fn add(&self, write: impl FnOnce(&mut Lines, bool)) {
        self.writer.get_or_init(|| Mutex::new(self.start()));
        let is_watched = self.watchers.are_there();
        let mut pending = self.queue.lock();
        if pending.lines.len().max(pending.lines.live_len()) >= MAX_QUEUE {
            pending.lost += 1;
            return;
        }
        let before = pending.waiting();
        write(&mut pending.lines, is_watched);
        let after = pending.waiting();
        let is_due = (before == 0 && after > 0) || (before < BATCH && after >= BATCH);
        drop(pending);
        if is_due {
            self.queue.changed.notify_one();
        }
    }

    /// Lets the writer write what is still queued, and end. What comes later may not be written.
    pub fn begin_finish(&self) {
        if self.writer.get().is_some() {
            self.queue.lock().stop = true;
            self.queue.changed.notify_one();
        }
    }

    /// Writes what is still queued, and ends the feeds. Returns a message if the log is incomplete.
    pub fn finish(&self) -> Option<String> {
        let problem = self.finish_writing();
        self.subscribers.end();
        self.watchers.end();
        problem
    }

    fn finish_writing(&self) -> Option<String> {
        let writer = self.writer.get()?;
        let thread = writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        self.begin_finish();
        let problem = match thread.join() {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("its writer crashed".to_owned()),
        };
        let lost = self.queue.lock().lost;
        let why = problem.or_else(|| (lost > 0).then(|| "the disk was too slow".to_owned()))?;
        Some(format!(
            "{} is not complete: {why}",
            self.home.path(FILE).display()
        ))
    }

    fn start(&self) -> Option<JoinHandle<io::Result<()>>> {
        let (home, queue) = (self.home.clone(), Arc::clone(&self.queue));
        let (subscribers, watchers) = (Arc::clone(&self.subscribers), Arc::clone(&self.watchers));
        let writing = thread::Builder::new().name("audit".to_owned());
        let thread = writing.spawn(move || {
            // An error is kept for `finish`: a log that cannot be written must not stop what it
            // logs.
            let mut log = LogFile::new(home);
            let mut problem = None;
            let mut lines = Vec::new();
            while let Some(live) = queue.take(&mut lines) {
                watchers.tell(&live);
                if !lines.is_empty()
                    && let Err(error) = log.append(&lines)
                {
                    problem = Some(error);
                }
                subscribers.tell(&lines);
                lines.clear();
                lines.shrink_to(2 * BATCH);
            }
            problem.map_or(Ok(()), Err)
        });
        thread.ok()
    }
}

impl Pending {
    /// The number of bytes that wait for the writer.
    fn waiting(&self) -> usize {
        self.lines.len().max(self.lines.live_len())
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, then a little longer for more of them, and takes them; `spare` takes their
    /// place. Returns the lines for those who watch; `None` when nothing more will come.
    fn take(&self, spare: &mut Vec<u8>) -> Option<Vec<u8>> {
        let poisoned = PoisonError::into_inner;
        let is_idle = |pending: &mut Pending| pending.waiting() == 0 && !pending.stop;
        let gathers = |pending: &mut Pending| pending.waiting() < BATCH && !pending.stop;
        let pending = self
            .changed
            .wait_while(self.lock(), is_idle)
            .unwrap_or_else(poisoned);
        let gathered = self.changed.wait_timeout_while(pending, GATHERING, gathers);
        let mut pending = gathered.unwrap_or_else(PoisonError::into_inner).0;
        if pending.lost > 0 && pending.lines.len() > 0 {
            let lost = std::mem::take(&mut pending.lost);
            let event = Event::new(Kind::Lost).because(format!("{lost} events"));
            pending.lines.push(&event);
        }
        pending.lines.swap(spare);
        pending.ring.push(spare);
        let live = pending.lines.take_live();
        (!spare.is_empty() || !live.is_empty()).then_some(live)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::super::feed::Told;
    use super::super::live::Watched;
    use super::*;

    #[test]
    fn writes_lines_without_queries() {
        let (_directory, home) = Home::temporary();
        let audit = Audit::new(&home);
        for _ in 0..100 {
            audit.record(&Event::new(Kind::Injected).request(
                "GET",
                "host:443",
                "/a?private_token=SECRET#f",
            ));
        }
        assert_eq!(audit.finish(), None);
        let text = fs::read_to_string(home.path(FILE)).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert!(!text.contains("SECRET"));
        let event: Event = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(event.path.as_deref(), Some("/a"));
    }

    #[tokio::test]
    async fn who_subscribes_gets_what_is_recorded_though_it_cannot_be_written() {
        let (_directory, home) = Home::temporary();
        fs::create_dir(home.path(FILE)).unwrap();
        let audit = Audit::new(&home);
        let mut feed = audit.subscribe();
        audit.record(&Event::new(Kind::Refresh).of(&"gitlab/work"));
        let Some(Told::Event(event)) = feed.next().await else {
            panic!("nothing was told");
        };
        assert_eq!(event.connection.as_deref(), Some("gitlab/work"));
        assert!(audit.finish().is_some());
        assert!(feed.next().await.is_none());
    }

    #[tokio::test]
    async fn who_watches_gets_what_was_and_what_comes_each_line_once() {
        let (_directory, home) = Home::temporary();
        let audit = Audit::new(&home);
        audit.name_run("a run");
        audit.tell(&json!({"event": "unheard"}));
        assert_eq!(audit.watched_request(), None);
        audit.record(&Event::new(Kind::Login));
        let mut first = audit.watch();
        audit.record(&Event::new(Kind::Refresh));
        audit.tell(&json!({"event": "began", "request": audit.watched_request()}));
        let mut second = audit.watch();
        audit.record(&Event::new(Kind::Logout));
        assert_eq!(audit.finish(), None);
        for (watch, expected) in [
            (
                &mut first,
                ["login", "refresh", "began", "logout"].as_slice(),
            ),
            (&mut second, &["login", "refresh", "logout"]),
        ] {
            let mut text = watch.recent().to_vec();
            while let Some(Watched::Lines(lines)) = watch.next().await {
                text.extend_from_slice(&lines);
            }
            let lines = text
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty());
            let values = lines.map(|line| serde_json::from_slice::<Value>(line).unwrap());
            let values: Vec<_> = values.collect();
            let events: Vec<_> = values.iter().map(|value| value["event"].clone()).collect();
            assert_eq!(events, expected);
            assert!(values.iter().all(|value| value["run"] == "a run"));
        }
        let text = fs::read_to_string(home.path(FILE)).unwrap();
        assert!(!text.contains("began") && text.lines().count() == 3);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_said_and_holds_nothing_up() {
        let (_directory, home) = Home::temporary();
        fs::create_dir(home.path(FILE)).unwrap();
        let audit = Audit::new(&home);
        for _ in 0..MAX_QUEUE / 16 {
            audit.record(&Event::new(Kind::Export));
        }
        assert!(
            audit
                .finish()
                .is_some_and(|problem| problem.contains("not complete"))
        );
    }
}
