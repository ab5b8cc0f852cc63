//! What happened, as JSON lines in `audit.log`: who, where, with which result. Never a value: [`Event`] has no field for one.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::home::Home;
use crate::text;

mod file;

use file::LogFile;

/// The file in the home directory.
pub const FILE: &str = "audit.log";

/// Bytes of lines that wait for the disk; beyond it events are counted and dropped rather than hold up a request.
const LARGEST_QUEUE: usize = 1024 * 1024;

/// The writer lets lines gather for this long before it writes them in one call, or until there is so much of them: to wake it for each
/// would cost a request more than all else that is done for it here.
const GATHERING: Duration = Duration::from_millis(50);
const BATCH: usize = 64 * 1024;

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

impl Kind {
    /// As the log has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Export => "export",
            Self::Failed => "failed",
            Self::Injected => "injected",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Lost => "lost",
            Self::Refresh => "refresh",
            Self::RefreshFailed => "refresh_failed",
            Self::Revoke => "revoke",
        }
    }
}

impl Way {
    /// As the log has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Connect => "connect",
        }
    }
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
        self.method = Some(method.to_owned());
        self.host = Some(host.to_owned());
        self.path = Some(kept_path(path).to_owned());
        self
    }

    /// With the reason in words.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// A text as JSON has it, made once for the many lines that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(Box<[u8]>);

impl Quoted {
    /// That text in JSON.
    pub fn new(text: &str) -> Self {
        let mut quoted = Vec::new();
        push_text(&mut quoted, text);
        Self(quoted.into())
    }
}

/// A request's line, of borrowed parts.
#[derive(Debug)]
pub struct RequestLine<'a> {
    /// When it came in.
    pub time: Timestamp,
    /// What became of it.
    pub event: Kind,
    /// The connection that it belongs to.
    pub connection: Option<&'a Quoted>,
    /// Its method.
    pub method: &'a str,
    /// Host and port.
    pub host: &'a Quoted,
    /// Its path; what follows a `?` is cut off.
    pub path: &'a str,
    /// How it reached the proxy.
    pub way: Way,
    /// The answer's status.
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// From its arrival to the end of the answer.
    pub duration: Duration,
    /// Why, in words.
    pub reason: Option<&'a str>,
}

/// The log. Recording never waits for the disk: one thread, started with the first event, writes what has come in.
#[derive(Debug)]
pub struct Audit {
    home: Home,
    queue: Arc<Queue>,
    writer: OnceLock<Mutex<Option<JoinHandle<io::Result<()>>>>>,
}

/// What waits for the writer.
#[derive(Debug, Default)]
struct Queue {
    pending: Mutex<Pending>,
    /// There is something to write, or enough of it, or nothing will come any more.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    /// Whole lines.
    lines: Vec<u8>,
    /// Events that found no room.
    lost: u64,
    stop: bool,
    /// The time of the last line, as text: most lines have the second in common with it.
    time: Option<(Timestamp, String)>,
}

impl Audit {
    /// The log of that home; the file is opened with the first event.
    pub fn new(home: &Home) -> Self {
        Self {
            home: home.clone(),
            queue: Arc::default(),
            writer: OnceLock::new(),
        }
    }

    /// Notes an event.
    pub fn record(&self, event: &Event) {
        self.add(|pending| push(&mut pending.lines, event));
    }

    /// Notes what became of a request.
    pub fn record_request(&self, line: &RequestLine<'_>) {
        self.add(|pending| pending.push_request(line));
    }

    fn add(&self, write: impl FnOnce(&mut Pending)) {
        self.writer
            .get_or_init(|| Mutex::new(start(&self.home, &self.queue)));
        let mut pending = self.queue.lock();
        if pending.lines.len() >= LARGEST_QUEUE {
            pending.lost += 1;
            return;
        }
        let before = pending.lines.len();
        write(&mut pending);
        let is_due = before == 0 || (before < BATCH && pending.lines.len() >= BATCH);
        drop(pending);
        if is_due {
            self.queue.changed.notify_one();
        }
    }

    /// Writes what is still queued; the answer says if something is missing from the log.
    pub fn finish(&self) -> Option<String> {
        let writer = self.writer.get()?;
        let thread = writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        self.queue.lock().stop = true;
        self.queue.changed.notify_one();
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

    /// Waits for lines, and a little longer for more of them; takes them, with `spare` in their place. `false` when nothing will come.
    fn take(&self, spare: &mut Vec<u8>) -> bool {
        let poisoned = PoisonError::into_inner;
        let is_idle = |pending: &mut Pending| pending.lines.is_empty() && !pending.stop;
        let gathers = |pending: &mut Pending| pending.lines.len() < BATCH && !pending.stop;
        let pending = self
            .changed
            .wait_while(self.lock(), is_idle)
            .unwrap_or_else(poisoned);
        let gathered = self.changed.wait_timeout_while(pending, GATHERING, gathers);
        let mut pending = gathered.unwrap_or_else(PoisonError::into_inner).0;
        if pending.lost > 0 && !pending.lines.is_empty() {
            let lost = std::mem::take(&mut pending.lost);
            let event = Event::new(Kind::Lost).because(format!("{lost} events"));
            push(&mut pending.lines, &event);
        }
        std::mem::swap(&mut pending.lines, spare);
        !spare.is_empty()
    }
}

impl Pending {
    /// The same line as that of an [`Event`], without one: each request of a session has its line, and most of it is known text.
    fn push_request(&mut self, line: &RequestLine<'_>) {
        let time = match &mut self.time {
            Some((time, text)) if *time == line.time => text,
            stale => &mut stale.insert((line.time, line.time.to_string())).1,
        };
        let out = &mut self.lines;
        out.extend_from_slice(b"{\"time\":");
        push_plain(out, time);
        out.extend_from_slice(b",\"event\":");
        push_plain(out, line.event.name());
        if let Some(connection) = line.connection {
            out.extend_from_slice(b",\"connection\":");
            out.extend_from_slice(&connection.0);
        }
        out.extend_from_slice(b",\"method\":");
        push_text(out, line.method);
        out.extend_from_slice(b",\"host\":");
        out.extend_from_slice(&line.host.0);
        out.extend_from_slice(b",\"path\":");
        push_text(out, kept_path(line.path));
        out.extend_from_slice(b",\"way\":");
        push_plain(out, line.way.name());
        if let Some(status) = line.status {
            out.extend_from_slice(b",\"status\":");
            push_number(out, status.into());
        }
        out.extend_from_slice(b",\"bytes\":");
        push_number(out, line.bytes);
        out.extend_from_slice(b",\"milliseconds\":");
        push_number(
            out,
            u64::try_from(line.duration.as_millis()).unwrap_or(u64::MAX),
        );
        if let Some(reason) = line.reason {
            out.extend_from_slice(b",\"reason\":");
            push_text(out, reason);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn push(lines: &mut Vec<u8>, event: &Event) {
    push_value(lines, event);
    lines.push(b'\n');
}

/// Whatever is serialized here has nothing that JSON cannot say. Who reads the file with `cat` sees what is there, and no more.
fn push_value(out: &mut Vec<u8>, value: &impl Serialize) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
    }
    let written = out.get(before..).unwrap_or_default();
    if written.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return;
    }
    let safe = std::str::from_utf8(written).map(|text| text::json(text).into_owned());
    if let Ok(safe) = safe {
        out.truncate(before);
        out.extend_from_slice(safe.as_bytes());
    }
}

/// A word of ours, which has nothing to escape.
fn push_plain(out: &mut Vec<u8>, word: &str) {
    out.push(b'"');
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
}

/// Printable ASCII goes as it is, all else as serde has it.
fn push_text(out: &mut Vec<u8>, text: &str) {
    // Without a way out of the loop, which the compiler then turns into one over sixteen bytes at once.
    let odd = text
        .bytes()
        .fold(0, |odd, byte| odd | u8::from(is_odd(byte)));
    if odd == 0 {
        push_plain(out, text);
    } else {
        push_value(out, &text);
    }
}

const fn is_odd(byte: u8) -> bool {
    !matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~')
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A path without its query, cut at a length.
fn kept_path(path: &str) -> &str {
    let cut = path.bytes().position(|byte| byte == b'?' || byte == b'#');
    let path = &path[..cut.unwrap_or(path.len())];
    if path.len() <= LONGEST_PATH {
        return path;
    }
    let end = (0..=LONGEST_PATH)
        .rev()
        .find(|&end| path.is_char_boundary(end));
    &path[..end.unwrap_or(0)]
}

fn start(home: &Home, queue: &Arc<Queue>) -> Option<JoinHandle<io::Result<()>>> {
    let (home, queue) = (home.clone(), Arc::clone(queue));
    let writing = thread::Builder::new().name("audit".to_owned());
    let thread = writing.spawn(move || {
        // A log that cannot be written must not stop what it logs.
        let mut log = LogFile::new(home);
        let mut problem = None;
        let mut lines = Vec::new();
        while queue.take(&mut lines) {
            if let Err(error) = log.append(&lines) {
                problem = Some(error);
            }
            lines.clear();
            lines.shrink_to(2 * BATCH);
        }
        problem.map_or(Ok(()), Err)
    });
    thread.ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn writes_lines_without_queries() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
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

    #[test]
    fn a_requests_line_is_the_line_of_its_event() {
        let (connection, host) = (
            Quoted::new("gitlab/default"),
            Quoted::new("gitlab.test:443"),
        );
        let texts = ["/api/v4/user", "/a\"b\\c\u{1}", "/ä?x", ""];
        for (path, number) in texts.into_iter().zip([0, 7, 12_345, u64::MAX]) {
            let line = RequestLine {
                time: Timestamp::from_seconds(1_700_000_000),
                event: Kind::Injected,
                connection: Some(&connection),
                method: "GET",
                host: &host,
                path,
                way: Way::Connect,
                status: Some(200),
                bytes: number,
                duration: Duration::from_millis(3),
                reason: Some(path),
            };
            let mut event = Event::new(line.event)
                .of(&"gitlab/default")
                .request("GET", "gitlab.test:443", path)
                .because(path);
            event.time = line.time.to_string();
            (event.way, event.status) = (Some(Way::Connect), Some(200));
            (event.bytes, event.milliseconds) = (Some(number), Some(3));
            let mut pending = Pending::default();
            pending.push_request(&line);
            assert_eq!(
                pending.lines,
                format!("{}\n", serde_json::to_string(&event).unwrap()).into_bytes()
            );
        }
    }

    #[test]
    fn the_words_of_the_log_are_serdes() {
        for kind in [
            Kind::Denied,
            Kind::Failed,
            Kind::Injected,
            Kind::RefreshFailed,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for way in [Way::Absolute, Way::Connect] {
            assert_eq!(serde_json::to_value(way).unwrap(), way.name());
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_said_and_holds_nothing_up() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
        fs::create_dir(home.path(FILE)).unwrap();
        let audit = Audit::new(&home);
        for _ in 0..LARGEST_QUEUE / 16 {
            audit.record(&Event::new(Kind::Export));
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
