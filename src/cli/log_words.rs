//! The events of the log as lines for people: each run has a heading, and its events are below it.

use std::time::Duration;

use crate::audit::{Event, Kind, RunEnd, RunStart};
use crate::cli::words::shell_word;
use crate::clock::LocalTime;

/// The longest command that is shown in one line, in characters.
const MAX_COMMAND: usize = 100;

/// The heading of a run. `start` is its first line, which may be gone.
pub(super) fn heading(id: &str, start: Option<&Event>) -> String {
    let details = start.and_then(|event| Some((event, event.start.as_ref()?)));
    let Some((event, start)) = details else {
        return format!("run {id}");
    };
    format!(
        "run {id}: {} (in {}, {})",
        command(start),
        start.directory,
        moment(&event.time)
    )
}

/// The command in one line, as it could be typed again but for what is left out of it.
pub(super) fn command(start: &RunStart) -> String {
    let words = start.command.iter().map(|word| {
        // What was hidden is shown as it is, not as something to type.
        if word.contains("***") || word.contains('…') {
            return word.clone();
        }
        shell_word(word.as_ref())
    });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_COMMAND) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Date and time, in local time.
pub(super) fn moment(time: &str) -> String {
    match LocalTime::parse(time) {
        Some(local) => format!("{} {}", local.date, local.time),
        None => time.to_owned(),
    }
}

/// One event. Below a heading the date is left out, unless it is not that of the heading.
pub(super) fn event(event: &Event, heading: Option<&Event>) -> String {
    let local = LocalTime::parse(&event.time);
    let above = heading.and_then(|start| LocalTime::parse(&start.time));
    let time = match (&local, &above) {
        (Some(local), Some(above)) if local.date == above.date => local.time.clone(),
        _ => moment(&event.time),
    };
    let target = event
        .host
        .as_ref()
        .map(|host| format!("{host}{}", event.path.as_deref().unwrap_or_default()));
    let is_end = event.event == Kind::RunEnd;
    let milliseconds = event.milliseconds.filter(|_| !is_end);
    let columns = [
        Some(time),
        Some(format!("{:<14}", event.event.name())),
        event.connection.clone(),
        event.method.clone(),
        target,
        event.status.map(|status| status.to_string()),
        event.bytes.map(|bytes| format!("{bytes} B")),
        milliseconds.map(|milliseconds| format!("{milliseconds} ms")),
        event.start.as_ref().map(command),
        event.end.as_ref().map(|run| end(run, event.milliseconds)),
        event.reason.clone(),
    ];
    let line = columns.into_iter().flatten().collect::<Vec<_>>().join(" ");
    line.trim_end().to_owned()
}

fn end(end: &RunEnd, milliseconds: Option<u64>) -> String {
    let mut words = exit(end);
    if let Some(milliseconds) = milliseconds {
        words = format!("{words} after {}", duration(milliseconds));
    }
    let counts = counts(end.injected, end.denied, end.failed);
    format!("{words}: {counts}")
}

/// How a run ended.
pub(super) fn exit(end: &RunEnd) -> String {
    match (end.signal, end.exit) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit {code}"),
        (None, None) => "ended".to_owned(),
    }
}

/// What was done with the requests of a run.
pub(super) fn counts(injected: u64, denied: u64, failed: u64) -> String {
    let requests = if injected == 1 { "request" } else { "requests" };
    let mut words = format!("{injected} {requests} injected");
    for (count, what) in [(denied, "denied"), (failed, "failed")] {
        if count > 0 {
            words = format!("{words}, {count} {what}");
        }
    }
    words
}

/// A length of time, in the two greatest of its units.
pub(super) fn duration(milliseconds: u64) -> String {
    let seconds = Duration::from_millis(milliseconds).as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{milliseconds} ms"),
        (0, 0, _) => format!("{seconds} s"),
        (0, ..) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{hours} h {} min", minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_two_units() {
        for (milliseconds, words) in [
            (999, "999 ms"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (2 * 3_600_000 + 5 * 60_000, "2 h 5 min"),
        ] {
            assert_eq!(duration(milliseconds), words);
        }
    }
}
