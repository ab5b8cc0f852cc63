//! Events as JSON lines. serde writes the line of an event. The line of a request is assembled by
//! hand, because every request of a session has one.

use std::time::Duration;

use serde::Serialize;

use super::event::{Event, Kind, Way, kept_path};
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
    /// The response's status.
    pub status: Option<u16>,
    /// Bytes of the response's body.
    pub bytes: u64,
    /// From the request's arrival to the end of the response.
    pub duration: Duration,
    /// Why, in words.
    pub reason: Option<&'a str>,
}

/// Complete lines that have not been written to disk yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// The time of the last line, as text. It is reused, because most lines are from the same
    /// second as the line before.
    time: Option<(Timestamp, String)>,
}

impl Lines {
    /// The number of bytes that have not been written.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes all lines, and leaves the empty buffer `spare` in their place.
    pub(super) const fn swap(&mut self, spare: &mut Vec<u8>) {
        std::mem::swap(&mut self.bytes, spare);
    }

    /// Adds an event's line.
    pub(super) fn push(&mut self, event: &Event) {
        push_value(&mut self.bytes, event);
        self.bytes.push(b'\n');
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
            let mut lines = Lines::default();
            lines.push_request(&line);
            assert_eq!(
                lines.bytes,
                format!("{}\n", serde_json::to_string(&event).unwrap()).into_bytes()
            );
        }
    }
}
