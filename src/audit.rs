//! What happened, as JSON lines in `audit.log`: who, where, with which result. Never a value: [`Event`] has no field for one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::home::Home;

/// The file in the home directory.
pub const FILE: &str = "audit.log";

/// Where the file goes when it is full; the one before it is lost.
const ROTATED: &str = "audit.log.1";

/// A session that starts with a larger file starts a new one.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Events that wait for the disk; beyond it they are counted and dropped rather than hold up a request.
const QUEUE: usize = 4096;

/// How long another session may take to put a full file aside.
const ROTATION_DEADLINE: Duration = Duration::from_secs(1);

/// The longest path that is kept, in bytes.
const LONGEST_PATH: usize = 512;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A request that authsome refused.
    Denied,
    /// Tokens were handed to the user.
    Export,
    /// A request, or a managed connection, that did not succeed for want of a network, a certificate or a credential.
    Failed,
    /// A request that went out with a credential.
    Injected,
    /// A connection was made.
    Login,
    /// A connection was forgotten.
    Logout,
    /// Events were dropped because the disk was too slow.
    Lost,
    /// A token pair was renewed.
    Refresh,
    /// A token pair could not be renewed.
    RefreshFailed,
    /// A grant was revoked.
    Revoke,
}

/// How a request reached the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// In absolute form (RFC 9112 §3.2.2), which leaves TLS to the proxy.
    Absolute,
    /// Inside a tunnel.
    Connect,
}

/// One line of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// RFC 3339.
    pub time: String,
    /// What happened.
    pub event: Kind,
    /// The connection, as `provider/name`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connection: Option<String>,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub method: Option<String>,
    /// Host and port.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<String>,
    /// The request's path, without its query.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// How the request reached the proxy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub way: Option<Way>,
    /// The answer's status.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
    /// From the request's arrival to the end of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub milliseconds: Option<u64>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

impl Event {
    /// An event of now with nothing but its kind.
    pub fn new(event: Kind) -> Self {
        Self {
            time: Timestamp::now().to_string(),
            event,
            connection: None,
            method: None,
            host: None,
            path: None,
            way: None,
            status: None,
            bytes: None,
            milliseconds: None,
            reason: None,
        }
    }

    /// With the connection it concerns.
    #[must_use]
    pub fn of(mut self, connection: &impl ToString) -> Self {
        self.connection = Some(connection.to_string());
        self
    }

    /// With the request it concerns; the path is cut at its query and at a length.
    #[must_use]
    pub fn request(mut self, method: &str, host: &str, path: &str) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let end = (0..=LONGEST_PATH.min(path.len()))
            .rev()
            .find(|&end| path.is_char_boundary(end))
            .unwrap_or(0);
        self.method = Some(method.to_owned());
        self.host = Some(host.to_owned());
        self.path = Some(path[..end].to_owned());
        self
    }

    /// With the reason in words.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// The log. Recording never blocks: one thread, started with the first event, writes what has come in.
#[derive(Debug)]
pub struct Audit {
    home: Home,
    lost: AtomicU64,
    writer: OnceLock<Writer>,
}

#[derive(Debug)]
struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

enum Message {
    Event(Box<Event>),
    Lost(u64),
    Stop,
}

impl Audit {
    /// The log of that home; the file is opened with the first event.
    pub fn new(home: &Home) -> Self {
        Self {
            home: home.clone(),
            lost: AtomicU64::new(0),
            writer: OnceLock::new(),
        }
    }

    /// Notes an event.
    pub fn record(&self, event: Event) {
        let writer = self.writer.get_or_init(|| Writer::start(&self.home));
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 && writer.queue.try_send(Message::Lost(lost)).is_ok() {
            self.lost.fetch_sub(lost, Ordering::Relaxed);
        }
        if writer
            .queue
            .try_send(Message::Event(Box::new(event)))
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what is still queued; the answer says if something is missing from the log.
    pub fn finish(&self) -> Option<String> {
        let writer = self.writer.get()?;
        let thread = writer
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        let _ = writer.queue.send(Message::Stop);
        let problem = match thread.join() {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("its writer crashed".to_owned()),
        };
        let lost = self.lost.load(Ordering::Relaxed);
        let why = problem.or_else(|| (lost > 0).then(|| "the disk was too slow".to_owned()))?;
        Some(format!(
            "{} is not complete: {why}",
            self.home.path(FILE).display()
        ))
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl Writer {
    fn start(home: &Home) -> Self {
        let (queue, events) = sync_channel(QUEUE);
        let home = home.clone();
        let writing = thread::Builder::new().name("audit".to_owned());
        let thread = writing.spawn(move || {
            // A log that cannot be written must not stop what it logs.
            match open(&home) {
                Ok(file) => write_all(&events, file),
                Err(error) => {
                    while events
                        .recv()
                        .is_ok_and(|message| !matches!(message, Message::Stop))
                    {
                    }
                    Err(error)
                }
            }
        });
        Self {
            queue,
            thread: Mutex::new(thread.ok()),
        }
    }
}

/// Opens the file, or a new one where it is full. Sessions that start together must not put two aside.
fn open(home: &Home) -> io::Result<File> {
    let path = home.path(FILE);
    let is_full = || fs::metadata(&path).is_ok_and(|found| found.len() > LARGEST_FILE);
    if is_full() {
        let _lock = home
            .lock("audit", ROTATION_DEADLINE)
            .map_err(io::Error::other)?;
        if is_full() {
            fs::rename(&path, home.path(ROTATED))?;
        }
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// What has come in is written at once, whole lines in one call: other sessions append to the same file.
fn write_all(events: &Receiver<Message>, mut file: File) -> io::Result<()> {
    let mut problem = Ok(());
    let mut lines = Vec::new();
    while let Ok(first) = events.recv() {
        let mut next = Some(first);
        let mut stop = false;
        while let Some(message) = next {
            match message {
                Message::Event(event) => append(&mut lines, &event),
                Message::Lost(count) => append(
                    &mut lines,
                    &Event::new(Kind::Lost).because(format!("{count} events")),
                ),
                Message::Stop => stop = true,
            }
            next = if lines.len() < 64 * 1024 {
                events.try_recv().ok()
            } else {
                None
            };
        }
        if let Err(error) = file.write_all(&lines) {
            problem = Err(error);
        }
        lines.clear();
        if stop {
            break;
        }
    }
    problem
}

fn append(lines: &mut Vec<u8>, event: &Event) {
    if serde_json::to_writer(&mut *lines, event).is_ok() {
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_lines_without_queries() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
        let audit = Audit::new(&home);
        for _ in 0..100 {
            audit.record(Event::new(Kind::Injected).request(
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

    #[test]
    fn a_log_that_cannot_be_written_is_said_and_holds_nothing_up() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
        fs::create_dir(home.path(FILE)).unwrap();
        let audit = Audit::new(&home);
        for _ in 0..2 * QUEUE {
            audit.record(Event::new(Kind::Export));
        }
        assert!(
            audit
                .finish()
                .is_some_and(|problem| problem.contains("not complete"))
        );
    }

    #[test]
    fn long_paths_are_cut_between_characters() {
        let event = Event::new(Kind::Denied).request("GET", "h", &"ä".repeat(1000));
        assert!(event.path.unwrap().len() <= LONGEST_PATH);
    }
}
