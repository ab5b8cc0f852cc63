//! Events as JSON lines. serde writes the line of an event. The line of a request is assembled by
//! hand, because every request of a session has one.

use std::time::Duration;

use serde::Serialize;

use super::event::{Event, Kind, Way, kept_path};
use super::live::LiveRequest;
use super::tally::Tally;
use crate::clock::Timestamp;
use crate::text;

/// A text as a JSON string, encoded once for the many lines that contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(Box<[u8]>);

impl Quoted {
    /// Encodes a text as a JSON string.
    pub fn new(text: &str) -> Self {
        let mut quoted = Vec::new();
        push_text(&mut quoted, text);
        Self(quoted.into())
    }

    /// The text, if it needed no escaping.
    fn plain(&self) -> &str {
        let text = std::str::from_utf8(&self.0).unwrap_or_default();
        text.trim_matches('"')
    }
}

/// The refs that a push with git names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushedRefs {
    /// Their full names, with `:` before one that is deleted.
    pub names: Vec<String>,
    /// Whether there are more.
    pub more: bool,
}

/// The line of a request, from borrowed parts.
#[derive(Debug)]
pub struct RequestLine<'a> {
    /// When the request arrived.
    pub time: Timestamp,
    /// What happened to it.
    pub event: Kind,
    /// The connection that it belongs to.
    pub connection: Option<&'a Quoted>,
    /// Its method.
    pub method: &'a str,
    /// Host and port.
    pub host: &'a Quoted,
    /// Its path. A query is cut off.
    pub path: &'a str,
    /// How it reached the proxy.
    pub way: Way,
    /// The refs that it pushes to, if it is a push with git.
    pub pushed: Option<&'a PushedRefs>,
    /// The response's status.
    pub status: Option<u16>,
    /// Bytes of the response's body.
    pub bytes: u64,
    /// From the request's arrival to the end of the response.
    pub duration: Duration,
    /// Secrets of the session that were found in the response and replaced; `None` for none.
    pub scrubbed: Option<u64>,
    /// Why, in words.
    pub reason: Option<&'a str>,
    /// The rule that denied it.
    pub rule: Option<&'a str>,
    /// What only watchers learn, if it was watched from its start.
    pub live: Option<&'a LiveRequest>,
}

/// Complete lines that have not been written to disk yet.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// The lines for those who watch. Empty while nobody does.
    live: Vec<u8>,
    /// The end of every line. It names the run, encoded once for all of them.
    tail: Box<[u8]>,
    /// What the lines said.
    tally: Tally,
    /// The time of the last line, as text. It is reused, because most lines are from the same
    /// second as the line before.
    time: Option<(Timestamp, String)>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            live: Vec::new(),
            tail: b"}\n".as_slice().into(),
            tally: Tally::default(),
            time: None,
        }
    }
}

impl Lines {
    /// From now on every line names that run.
    pub(super) fn name_run(&mut self, id: &str) {
        let mut tail = b",\"run\":".to_vec();
        push_text(&mut tail, id);
        tail.extend_from_slice(b"}\n");
        self.tail = tail.into();
    }

    /// What has been recorded so far.
    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The number of bytes that have not been written.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The lines that have not been written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of bytes that those who watch have not been told.
    pub(super) const fn live_len(&self) -> usize {
        self.live.len()
    }

    /// Takes all lines, and leaves the empty buffer `spare` in their place.
    pub(super) const fn swap(&mut self, spare: &mut Vec<u8>) {
        std::mem::swap(&mut self.bytes, spare);
    }

    /// Takes the lines for those who watch.
    pub(super) fn take_live(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.live)
    }

    /// Adds a line for those who watch only.
    pub(super) fn push_live(&mut self, value: &impl Serialize) {
        let before = self.live.len();
        push_value(&mut self.live, value);
        if self.live.len() > before && self.live.pop() == Some(b'}') {
            self.live.extend_from_slice(&self.tail);
        }
    }

    /// Gives those who watch the line that begins at `start`, with what only they learn of its
    /// request.
    pub(super) fn copy_to_live(&mut self, start: usize, request: Option<&LiveRequest>) {
        let line = self.bytes.get(start..).unwrap_or_default();
        let Some(request) = request else {
            return self.live.extend_from_slice(line);
        };
        let Some(head) = line.strip_suffix(&*self.tail) else {
            return; // nothing was written
        };
        self.live.extend_from_slice(head);
        let before = self.live.len();
        push_value(&mut self.live, request);
        if let Some(brace) = self.live.get_mut(before) {
            *brace = b','; // its fields follow those of the line
        }
        self.live.pop();
        self.live.extend_from_slice(&self.tail);
    }

    /// Adds an event's line.
    pub(super) fn push(&mut self, event: &Event) {
        let before = self.bytes.len();
        push_value(&mut self.bytes, event);
        // The tail closes the object in place of serde's brace.
        if self.bytes.len() > before && self.bytes.pop() == Some(b'}') {
            self.bytes.extend_from_slice(&self.tail);
        }
        let host = || event.host.clone().unwrap_or_default();
        self.tally.count(event.event, event.rule.as_deref(), host);
    }

    /// Adds a request's line. It is the same line as that of an equivalent [`Event`], but is
    /// written without one: every request has a line, and most of it is constant text.
    pub(super) fn push_request(&mut self, line: &RequestLine<'_>) {
        let time = match &mut self.time {
            Some((time, text)) if *time == line.time => text,
            stale => &mut stale.insert((line.time, line.time.to_string())).1,
        };
        let out = &mut self.bytes;
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
        if let Some(pushed) = line.pushed {
            push_refs(out, pushed);
        }
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
        if let Some(scrubbed) = line.scrubbed {
            out.extend_from_slice(b",\"scrubbed\":");
            push_number(out, scrubbed);
        }
        if let Some(reason) = line.reason {
            out.extend_from_slice(b",\"reason\":");
            push_text(out, reason);
        }
        if let Some(rule) = line.rule {
            out.extend_from_slice(b",\"rule\":");
            push_text(out, rule);
        }
        out.extend_from_slice(&self.tail);
        let host = || line.host.plain().to_owned();
        self.tally.count(line.event, line.rule, host);
    }
}

/// Writes a value as JSON; the values in this module always serialize. Deceptive characters are
/// escaped, so that `cat` shows everything that is in the file, and nothing else.
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

fn push_refs(out: &mut Vec<u8>, pushed: &PushedRefs) {
    if !pushed.names.is_empty() {
        out.extend_from_slice(b",\"refs\":");
        push_value(out, &pushed.names);
    }
    if pushed.more {
        out.extend_from_slice(b",\"more_refs\":true");
    }
}

/// Writes a JSON string that needs no escaping.
fn push_plain(out: &mut Vec<u8>, word: &str) {
    out.push(b'"');
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
}

/// Writes a JSON string. Text of printable ASCII that needs no escaping is copied; serde writes the
/// rest.
fn push_text(out: &mut Vec<u8>, text: &str) {
    // The loop has no early exit, so that the compiler vectorizes it to sixteen bytes at once.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requests_line_is_the_line_of_its_event() {
        let (connection, host) = (
            Quoted::new("gitlab/default"),
            Quoted::new("gitlab.test:443"),
        );
        let pushed = PushedRefs {
            names: vec!["refs/heads/ä".to_owned(), ":refs/heads/b".to_owned()],
            more: true,
        };
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
                pushed: (number > 7).then_some(&pushed),
                status: Some(200),
                bytes: number,
                duration: Duration::from_millis(3),
                scrubbed: (number == 7).then_some(2),
                reason: Some(path),
                rule: Some("gitlab/deploy-key"),
                live: None,
            };
            let mut event = Event::new(line.event)
                .of(&"gitlab/default")
                .request("GET", "gitlab.test:443", path)
                .because(path);
            event.time = line.time.to_string();
            (event.way, event.status) = (Some(Way::Connect), Some(200));
            if line.pushed.is_some() {
                (event.refs, event.more_refs) = (pushed.names.clone(), true);
            }
            (event.bytes, event.milliseconds) = (Some(number), Some(3));
            event.scrubbed = line.scrubbed;
            event.rule = line.rule.map(str::to_owned);
            let (mut lines, mut events) = (Lines::default(), Lines::default());
            if number > 0 {
                lines.name_run("a run");
                events.name_run("a run");
            }
            lines.push_request(&line);
            events.push(&event);
            assert_eq!(lines.bytes, events.bytes);
            let watched = LiveRequest {
                request: 7,
                stripped: vec!["private-token".to_owned()],
                ..LiveRequest::default()
            };
            lines.copy_to_live(0, Some(&watched));
            let told: serde_json::Value = serde_json::from_slice(&lines.take_live()).unwrap();
            assert_eq!(
                (&told["request"], &told["stripped"][0]),
                (&7.into(), &"private-token".into())
            );
            assert_eq!(told["host"], "gitlab.test:443");
            event.run = (number > 0).then(|| "a run".to_owned());
            assert_eq!(
                lines.bytes,
                format!("{}\n", serde_json::to_string(&event).unwrap()).into_bytes()
            );
        }
    }
}
