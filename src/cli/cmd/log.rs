//! `authsome log`.

use std::collections::{HashMap, VecDeque};
use std::thread;
use std::time::Duration;

use crate::audit::{Event, Kind};
use crate::cli::args::Log;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::log_reader::LogReader;
use crate::cli::log_words;
use crate::cli::printer::Printer;

/// How often `--follow` checks for new lines.
const LOOK: Duration = Duration::from_millis(200);

/// How far before the end of the file the search for the newest lines starts, in bytes. This is
/// more than a screen of the longest lines.
const TAIL: u64 = 4 * 1024 * 1024;

/// How many events are shown if nothing else is asked for.
const DEFAULT_LINES: usize = 20;

pub(in crate::cli) fn run(arguments: &Log, context: &Context<'_>) -> Result<(), Failure> {
    let home = Context::user_files()?.home;
    let selects = !is_everything(arguments);
    // A selection is shown whole: its lines may be far apart.
    let lines = match arguments.lines {
        None if selects => usize::MAX,
        lines => lines.unwrap_or(DEFAULT_LINES),
    };
    let mut page = Page::new(context.printer);
    let mut newest = VecDeque::new();
    let mut take = |line: &str| {
        let Some(event) = page.read(line).filter(|event| is_wanted(event, arguments)) else {
            return;
        };
        newest.push_back((event, line.to_owned()));
        if newest.len() > lines {
            newest.pop_front();
        }
    };
    let mut reader = LogReader::open(&home)?;
    if selects {
        LogReader::each_rotated(&home, &mut take)?;
    } else if lines < usize::MAX {
        reader.skip_to_last(TAIL)?;
    }
    reader.each(&mut take)?;
    page.show_grouped(newest.into());
    while arguments.follow && context.printer.has_reader() {
        reader.each_new(|line| {
            if let Some(event) = page.read(line).filter(|event| is_wanted(event, arguments)) {
                page.show(&event, line);
            }
        })?;
        thread::sleep(LOOK);
    }
    Ok(())
}

fn is_everything(arguments: &Log) -> bool {
    let Log {
        connection,
        denied,
        run,
        since,
        ..
    } = arguments;
    connection.is_none() && !denied && run.is_none() && since.is_none()
}

fn is_wanted(event: &Event, arguments: &Log) -> bool {
    let of_run = |wanted: &String| {
        event
            .run
            .as_ref()
            .is_some_and(|run| run.starts_with(wanted))
    };
    let of_connection = |wanted: &crate::cli::args::Target| {
        let (provider, name) = event
            .connection
            .as_deref()
            .and_then(|id| id.split_once('/'))
            .unwrap_or_default();
        provider == wanted.provider.as_str()
            && wanted
                .name
                .as_ref()
                .is_none_or(|wanted| wanted.to_string() == name)
    };
    (!arguments.denied || event.event == Kind::Denied)
        && arguments.run.as_ref().is_none_or(of_run)
        && arguments.connection.as_ref().is_none_or(of_connection)
        // Both are in UTC and of one length, so that their order is that of the times.
        && arguments.since.as_ref().is_none_or(|since| event.time >= since.0.to_string())
}

/// What is printed, with a heading for each run.
struct Page<'a> {
    printer: &'a Printer,
    /// The first line of each run that was read. A run has one, so there are few.
    starts: HashMap<String, Event>,
    /// The run of the line that was printed last.
    above: Option<String>,
}

impl<'a> Page<'a> {
    fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            starts: HashMap::new(),
            above: None,
        }
    }

    fn read(&mut self, line: &str) -> Option<Event> {
        let event = serde_json::from_str::<Event>(line).ok()?;
        if let (Kind::RunStart, Some(run)) = (event.event, &event.run) {
            self.starts.insert(run.clone(), event.clone());
        }
        Some(event)
    }

    /// Prints the events of each run together, in the order in which the runs come first. JSON
    /// keeps the order of the log.
    fn show_grouped(&mut self, events: Vec<(Event, String)>) {
        let mut groups: Vec<Vec<(Event, String)>> = Vec::new();
        let mut known = HashMap::new();
        for (event, line) in events {
            let run = event.run.clone().filter(|_| !self.printer.is_json());
            let next = groups.len();
            let place = run.map_or(next, |run| *known.entry(run).or_insert(next));
            match groups.get_mut(place) {
                Some(group) => group.push((event, line)),
                None => groups.push(vec![(event, line)]),
            }
        }
        for (event, line) in groups.into_iter().flatten() {
            self.show(&event, &line);
        }
    }

    fn show(&mut self, event: &Event, line: &str) {
        if self.printer.is_json() {
            self.printer.json_line(line);
            return;
        }
        let start = event.run.as_ref().and_then(|run| self.starts.get(run));
        if event.run != self.above
            && let Some(run) = &event.run
        {
            self.printer.line(&log_words::heading(run, start));
        }
        self.above.clone_from(&event.run);
        match (&event.run, event.event) {
            (Some(_), Kind::RunStart) => {} // its heading says it
            (Some(_), _) => {
                let words = log_words::event(event, start);
                self.printer.line(&format!("  {words}"));
            }
            (None, _) => self.printer.line(&log_words::event(event, None)),
        }
    }
}
