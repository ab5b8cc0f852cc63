//! What the log has of a run.

use std::collections::BTreeMap;

use crate::audit::{Event, Kind};
use crate::cli::failure::{Exit, Failure};
use crate::cli::log_reader::LogReader;
use crate::credential::ConnectionId;
use crate::os::home::Home;
use crate::session::{Observed, ObservedRun};

/// What all first lines of runs have in common. Most lines are of requests, and need not be parsed.
const START: &str = "\"event\":\"run_start\"";

/// A run in the log.
pub(super) struct Logged {
    pub(super) id: String,
    /// Its first line, which may be gone with the file that had it.
    pub(super) start: Option<Event>,
    /// Whether lines of it are missing.
    pub(super) is_incomplete: bool,
    /// How many requests it made that count.
    pub(super) requests: usize,
    pub(super) observed: ObservedRun,
}

/// The run whose name begins so, or the newest one.
pub(super) fn find(home: &Home, named: Option<&str>) -> Result<Logged, Failure> {
    let id = match named {
        Some(named) => named_run(home, named)?,
        None => newest(home)?,
    };
    let mut logged = Logged {
        id: id.clone(),
        start: None,
        is_incomplete: false,
        requests: 0,
        observed: ObservedRun::default(),
    };
    let mut requests = BTreeMap::new();
    each(home, |line| {
        if line.contains(&id)
            && let Ok(event) = serde_json::from_str::<Event>(line)
            && event.run.as_deref() == Some(&id)
        {
            take(event, &mut logged, &mut requests);
        }
    })?;
    logged.observed.requests = requests.into_values().collect();
    logged.is_incomplete |= logged.start.is_none();
    Ok(logged)
}

/// What tells requests apart.
type Key = (Option<String>, String, String, String);

fn take(event: Event, logged: &mut Logged, requests: &mut BTreeMap<Key, Observed>) {
    match event.event {
        Kind::RunStart => logged.start = Some(event),
        Kind::Lost => logged.is_incomplete = true,
        Kind::Forwarded => {
            logged.is_incomplete |= event.reason.is_some();
            logged.observed.hosts.extend(event.host);
        }
        Kind::Injected | Kind::Passed | Kind::Failed => {
            let (Some(method), Some(host), Some(path)) = (event.method, event.host, event.path)
            else {
                return;
            };
            // A connection that could not be made is none that has to be permitted.
            if method == "CONNECT" || !path.starts_with('/') {
                return;
            }
            logged.requests += 1;
            let key = (
                event.connection.clone(),
                method.clone(),
                host.clone(),
                path.clone(),
            );
            let known = requests.entry(key).or_insert_with(|| Observed {
                connection: event.connection.as_deref().and_then(connection),
                method,
                host,
                path,
                ..Observed::default()
            });
            known.is_injected |= event.event == Kind::Injected;
            known.more_refs |= event.more_refs;
            for name in event.refs {
                if !known.refs.contains(&name) {
                    known.refs.push(name);
                }
            }
        }
        _ => {}
    }
}

/// A connection as the log names it.
fn connection(text: &str) -> Option<ConnectionId> {
    let (provider, name) = text.split_once('/')?;
    Some(ConnectionId {
        provider: provider.parse().ok()?,
        name: name.parse().ok()?,
    })
}

/// The lines of both files of the log, the oldest first.
fn each(home: &Home, mut take: impl FnMut(&str)) -> Result<(), Failure> {
    LogReader::each_rotated(home, &mut take)?;
    LogReader::open(home)?.each(&mut take)?;
    Ok(())
}

fn newest(home: &Home) -> Result<String, Failure> {
    let mut newest = None;
    each(home, |line| {
        let event = line
            .contains(START)
            .then(|| serde_json::from_str::<Event>(line));
        if let Some(Ok(Event { run: Some(run), .. })) = event {
            newest = Some(run);
        }
    })?;
    newest.ok_or_else(|| {
        let hint = "authsome run -- COMMAND";
        Failure::new(Exit::Usage, "run_not_found", "no run is in the log", hint)
    })
}

fn named_run(home: &Home, named: &str) -> Result<String, Failure> {
    let mut found: Vec<String> = Vec::new();
    each(home, |line| {
        if line.contains(named)
            && let Ok(Event { run: Some(run), .. }) = serde_json::from_str(line)
            && run.starts_with(named)
            && !found.contains(&run)
        {
            found.push(run);
        }
    })?;
    if let Some(whole) = found.iter().find(|run| *run == named) {
        return Ok(whole.clone());
    }
    let failure = |message: String| {
        Failure::new(
            Exit::Usage,
            "run_not_found",
            message,
            "see the runs: authsome runs",
        )
    };
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(failure(format!("no run {named} is in the log"))),
        several => {
            let count = several.len();
            Err(failure(format!(
                "the names of {count} runs begin with {named}"
            )))
        }
    }
}
