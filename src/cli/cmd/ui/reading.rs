//! The history that the page shows: lines of the log by day, run and host.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::words::text;
use crate::cli::failure::Failure;
use crate::cli::log_reader::LogReader;
use crate::os::home::Home;

/// How many lines are found, the newest.
const MAX_FOUND: usize = 1000;

/// The lines of both files of the log that match, the oldest first.
pub(super) fn log(home: &Home, request: &Value) -> Result<Value, Failure> {
    let (day, run, host) = (
        text(request, "day"),
        text(request, "run"),
        text(request, "host"),
    );
    let matches = |event: &Value, field: &str, wanted: &Option<String>, is_begin: bool| {
        let Some(wanted) = wanted else { return true };
        let found = event[field].as_str().unwrap_or_default();
        if is_begin {
            found.starts_with(wanted.as_str())
        } else {
            found.contains(wanted.as_str())
        }
    };
    let (mut found, mut more) = (VecDeque::new(), false);
    let mut take = |line: &str| {
        let all = [&day, &run, &host].into_iter().flatten();
        if !all.into_iter().all(|wanted| line.contains(wanted.as_str())) {
            return; // most lines, and they need not be parsed
        }
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return;
        };
        let is_wanted = matches(&event, "time", &day, true)
            && matches(&event, "run", &run, true)
            && matches(&event, "host", &host, false);
        if is_wanted {
            if found.len() == MAX_FOUND {
                found.pop_front();
                more = true;
            }
            found.push_back(event);
        }
    };
    LogReader::each_rotated(home, &mut take)?;
    LogReader::open(home)?.each(&mut take)?;
    Ok(json!({ "events": found, "more": more }))
}
