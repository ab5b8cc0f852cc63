//! `authsome log`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::audit::{Event, FILE};
use crate::cli::args::Log;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::os::home::open_file;

/// How often `--follow` checks for new lines.
const LOOK: Duration = Duration::from_millis(200);

/// How far before the end of the file the search for the newest lines starts, in bytes. This is
/// more than a screen of the longest lines.
const TAIL: u64 = 4 * 1024 * 1024;

pub(in crate::cli) fn run(arguments: &Log, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let path = Context::user_files()?.home.path(FILE);
    let mut reader = open(&path)?;
    let mut lines = Vec::new();
    if let Some(reader) = &mut reader {
        let length = reader.get_ref().metadata()?.len();
        reader.seek(io::SeekFrom::Start(length.saturating_sub(TAIL)))?;
        while let Some(line) = next_line(reader)? {
            lines.push(line);
        }
    }
    for line in lines.iter().rev().take(arguments.lines).rev() {
        show(line, printer);
    }
    if !arguments.follow {
        return Ok(());
    }
    while printer.has_reader() {
        if reader
            .as_ref()
            .is_none_or(|reader| is_rotated(reader.get_ref(), &path))
        {
            // The rotated file is read to its end first.
            show_rest(reader.as_mut(), printer)?;
            reader = open(&path)?;
        }
        show_rest(reader.as_mut(), printer)?;
        thread::sleep(LOOK);
    }
    Ok(())
}

fn show_rest(reader: Option<&mut BufReader<File>>, printer: &Printer) -> Result<(), Failure> {
    let Some(reader) = reader else { return Ok(()) };
    while let Some(line) = next_line(reader)? {
        show(&line, printer);
    }
    Ok(())
}

/// Whether the path has become another file.
fn is_rotated(open: &File, path: &Path) -> bool {
    let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
    match (open.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) != identity(there),
        _ => false,
    }
}

fn open(path: &Path) -> Result<Option<BufReader<File>>, Failure> {
    match open_file(File::options().read(true), path) {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn next_line(reader: &mut BufReader<File>) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let read = reader.read_until(b'\n', &mut line)?;
    if read > 0 && line.last() != Some(&b'\n') {
        // Only a part of the line has been written. It is read again later.
        reader.seek_relative(-i64::try_from(read).unwrap_or(0))?;
        return Ok(None);
    }
    Ok((read > 0).then(|| String::from_utf8_lossy(line.trim_ascii_end()).into_owned()))
}

fn show(line: &str, printer: &Printer) {
    let Ok(event) = serde_json::from_str::<Event>(line) else {
        return;
    };
    if printer.is_json() {
        printer.json_line(line);
    } else {
        printer.line(&words(&event));
    }
}

fn words(event: &Event) -> String {
    let kind = serde_json::to_value(event.event)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned));
    let target = event
        .host
        .as_ref()
        .map(|host| format!("{host}{}", event.path.as_deref().unwrap_or_default()));
    let columns = [
        Some(event.time.clone()),
        kind.map(|kind| format!("{kind:<14}")),
        event.connection.clone(),
        event.method.clone(),
        target,
        event.status.map(|status| status.to_string()),
        event.bytes.map(|bytes| format!("{bytes} B")),
        event
            .milliseconds
            .map(|milliseconds| format!("{milliseconds} ms")),
        event.reason.clone(),
    ];
    columns.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
