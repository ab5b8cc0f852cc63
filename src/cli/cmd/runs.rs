//! `authsome runs`: the runs that the log knows, the newest first.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::audit::{Event, Kind};
use crate::cli::args::Runs;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::log_reader::LogReader;
use crate::cli::log_words;
use crate::clock::Timestamp;
use crate::os::home::Home;
use crate::session::allows_export;

/// What all lines about a run as a whole have in common. Most lines of the log are of requests, and
/// need not be parsed.
const MARK: &str = "\"event\":\"run_";

/// One run.
struct RunRecord {
    id: String,
    /// Its first line, which may be gone with the file that had it.
    start: Option<Event>,
    end: Option<Event>,
    is_alive: bool,
}

pub(in crate::cli) fn run(arguments: &Runs, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let mut runs = read(&Context::user_files()?.home)?;
    runs.reverse();
    runs.truncate(arguments.lines);
    if printer.is_json() {
        let now = Timestamp::now();
        let values = runs.iter().map(|run| run.value(now)).collect();
        printer.value(&Value::Array(values));
        return Ok(());
    }
    if runs.is_empty() {
        printer.say("no run is in the log; start one: authsome run -- COMMAND");
        return Ok(());
    }
    let heads = ["RUN", "STARTED", "LASTED", "END", "DIRECTORY", "COMMAND"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(RunRecord::row));
    printer.table(&rows);
    Ok(())
}

/// The runs of both files of the log, the oldest first.
fn read(home: &Home) -> Result<Vec<RunRecord>, Failure> {
    let mut runs: Vec<RunRecord> = Vec::new();
    let mut places = HashMap::new();
    let mut take = |line: &str| {
        let event = line
            .contains(MARK)
            .then(|| serde_json::from_str::<Event>(line));
        let Some(Ok(event)) = event else { return };
        let Some(id) = event.run.clone() else { return };
        let place = *places.entry(id.clone()).or_insert_with(|| {
            runs.push(RunRecord {
                is_alive: allows_export(home, &id).is_some(),
                id,
                start: None,
                end: None,
            });
            runs.len() - 1
        });
        if let Some(run) = runs.get_mut(place) {
            match event.event {
                Kind::RunStart => run.start = Some(event),
                _ => run.end = Some(event),
            }
        }
    };
    LogReader::each_rotated(home, &mut take)?;
    LogReader::open(home)?.each(&mut take)?;
    Ok(runs)
}

impl RunRecord {
    /// How long it has lasted, in milliseconds; `None` if nobody has noted its end.
    fn lasted(&self, now: Timestamp) -> Option<u64> {
        if self.is_alive {
            let started = Timestamp::parse_since(&self.start.as_ref()?.time, now)?;
            let lasted = started.until(now).as_millis();
            return u64::try_from(lasted).ok();
        }
        self.end.as_ref()?.milliseconds
    }

    fn row(&self) -> Vec<String> {
        let none = || "-".to_owned();
        let details = self.start.as_ref().and_then(|event| event.start.as_ref());
        let ended = self.end.as_ref().and_then(|event| event.end.as_ref());
        let end = match ended {
            _ if self.is_alive => "live".to_owned(),
            Some(end) => log_words::exit(end),
            None => none(), // it was killed
        };
        vec![
            self.id.clone(),
            self.start
                .as_ref()
                .map_or_else(none, |event| log_words::moment(&event.time)),
            self.lasted(Timestamp::now())
                .map_or_else(none, log_words::duration),
            end,
            details.map_or_else(none, |start| start.directory.clone()),
            details.map_or_else(none, log_words::command),
        ]
    }

    fn value(&self, now: Timestamp) -> Value {
        let start = self.start.as_ref();
        let details = start.and_then(|event| event.start.as_ref());
        let end = self.end.as_ref().and_then(|event| event.end.as_ref());
        json!({
            "run": self.id,
            "command": details.map(|start| &start.command),
            "directory": details.map(|start| &start.directory),
            "pid": details.map(|start| start.pid),
            "started": start.map(|event| &event.time),
            "milliseconds": self.lasted(now),
            "live": self.is_alive,
            "exit": end.and_then(|end| end.exit),
            "signal": end.and_then(|end| end.signal),
            "injected": end.map(|end| end.injected),
            "denied": end.map(|end| end.denied),
            "failed": end.map(|end| end.failed),
        })
    }
}
