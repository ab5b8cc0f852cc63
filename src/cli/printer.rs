//! Prints to the user: data to stdout, everything else to stderr, and `hint:` lines for what the
//! user can fix.
//!
//! All output goes through [`crate::text`], because it contains text from servers, definitions and
//! names. The only exception is output that must be exact: a script, or a secret that was asked
//! for.

mod capture;

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use std::sync::Arc;

use clap::builder::StyledStr;
use serde_json::{Value, json};

pub(super) use self::capture::Capture;
use super::args::Global;
use super::failure::{Exit, Failure};
use crate::text;

/// Prints the output of one command.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one flag of the command line"
)]
pub(super) struct Printer {
    json: bool,
    quiet: bool,
    verbose: bool,
    colour: bool,
    reader: Cell<Reader>,
    /// Takes everything, in place of the terminal.
    capture: Option<Arc<Capture>>,
}

/// The reader of stdout. It is `There` until a write fails; the other two states are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// A write failed.
    Failed(io::ErrorKind),
    /// It has closed its end of the pipe.
    Gone,
    /// It still reads, as far as is known.
    There,
}

impl Printer {
    pub(super) fn new(global: Global) -> Self {
        let wanted = !global.no_color && is_color_wanted();
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            colour: wanted && io::stderr().is_terminal(),
            reader: Cell::new(Reader::There),
            capture: None,
        }
    }

    /// For output before the flags are known.
    pub(super) fn plain() -> Self {
        Self {
            json: false,
            ..Self::json()
        }
    }

    /// For errors in the flags themselves, as JSON.
    pub(super) fn json() -> Self {
        Self {
            json: true,
            quiet: false,
            verbose: false,
            colour: false,
            reader: Cell::new(Reader::There),
            capture: None,
        }
    }

    /// For a command whose caller is this program.
    pub(super) fn captured(capture: Arc<Capture>) -> Self {
        Self {
            capture: Some(capture),
            ..Self::json()
        }
    }

    /// Shows a page where a captured command's caller shows pages. Returns whether it does.
    pub(super) fn open_elsewhere(&self, url: &str) -> bool {
        let capture = self.capture.as_ref();
        capture.is_some_and(|capture| capture.open(url))
    }

    /// Waits until the caller of a captured command wants it to give up.
    pub(super) async fn cancelled(&self) {
        match &self.capture {
            Some(capture) => capture.cancelled().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints data. A reader that has closed the pipe is no error, but nothing more is written to
    /// it. A full disk is an error.
    pub(super) fn data(&self, text: &str) {
        if let Some(capture) = &self.capture {
            return capture.push_data(text);
        }
        if self.reader.get() != Reader::There {
            return;
        }
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader.set(Reader::Gone);
            }
            Err(error) => self.reader.set(Reader::Failed(error.kind())),
        }
    }

    /// Prints help and version, in clap's colors if they are wanted.
    pub(super) fn styled_data(&self, text: &StyledStr) {
        let colourful = io::stdout().is_terminal() && is_color_wanted();
        if colourful {
            self.data(&text.ansi().to_string());
        } else {
            self.data(&text.to_string());
        }
    }

    /// Whether the data is still being read.
    pub(super) fn has_reader(&self) -> bool {
        self.reader.get() == Reader::There
    }

    /// If data could not be written, the command fails.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match self.reader.get() {
            Reader::Failed(kind) => {
                let message = format!("the output could not be written: {kind}");
                Err(Failure::new(
                    Exit::Unexpected,
                    "output_failed",
                    message,
                    "check the disk's space: df -h",
                ))
            }
            Reader::Gone | Reader::There => Ok(()),
        }
    }

    /// Prints data on one line.
    pub(super) fn line(&self, text: &str) {
        self.data(&format!("{}\n", text::line(text)));
    }

    /// Prints data on one line, unchanged, for a program that reads it. At a terminal there is no
    /// such program, so deceptive characters are replaced.
    pub(super) fn exact(&self, text: &str) {
        if io::stdout().is_terminal() {
            self.line(text);
        } else {
            self.data(&format!("{text}\n"));
        }
    }

    /// Prints data that is already JSON.
    pub(super) fn json_line(&self, text: &str) {
        self.data(&format!("{}\n", text::json(text)));
    }

    /// Prints data as JSON.
    pub(super) fn value(&self, value: &Value) {
        self.json_line(&format!("{value:#}"));
    }

    /// Prints what happens, unless `--quiet` is given.
    pub(super) fn say(&self, words: &str) {
        if !self.quiet {
            self.to_stderr(&text::line(words));
        }
    }

    /// Prints text that the user needs to go on, even with `--quiet`. It may have several lines.
    pub(super) fn prompt(&self, words: &str) {
        self.to_stderr(&text::lines(words));
    }

    /// Prints a question, whose answer is typed on the same line.
    #[expect(
        clippy::unused_self,
        reason = "where words go is the printer's to decide"
    )]
    pub(super) fn question(&self, words: &str) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{}", text::line(words));
        let _ = stderr.flush();
    }

    /// Prints a picture of block characters.
    pub(super) fn picture(&self, picture: &str) {
        if !self.quiet {
            self.to_stderr(picture);
        }
    }

    /// Prints details, if `--verbose` is given.
    pub(super) fn detail(&self, words: &str) {
        if self.verbose && !self.quiet {
            self.to_stderr(&text::line(words));
        }
    }

    /// The same for several lines.
    pub(super) fn detail_lines(&self, words: &str) {
        if self.verbose && !self.quiet {
            self.to_stderr(&text::lines(words));
        }
    }

    /// Writes a line at a terminal that the next line replaces, or removes it if it is empty.
    /// Returns whether it is there.
    pub(super) fn replace_line(&self, words: &str) -> bool {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if self.quiet || self.json || is_dumb || !io::stderr().is_terminal() {
            return false;
        }
        let _ = write!(io::stderr().lock(), "\r\u{1b}[2K{}", text::line(words));
        !words.is_empty()
    }

    /// Prints a warning, even with `--quiet`.
    pub(super) fn warn(&self, words: &str) {
        let warning = self.styled("35;1", "warning:");
        self.to_stderr(&format!("{warning} {}", text::line(words)));
    }

    /// Prints the error of a failed command.
    pub(super) fn failure(&self, failure: &Failure) {
        if self.json && self.has_reader() {
            self.value(&as_json(failure));
        } else {
            self.words(failure);
        }
    }

    /// The same to stderr, for when stdout belongs to a child.
    pub(super) fn failure_to_stderr(&self, failure: &Failure) {
        if self.json {
            self.to_stderr(&text::json(&format!("{:#}", as_json(failure))));
        } else {
            self.words(failure);
        }
    }

    /// Prints rows in columns. The first row may have the headings. A row of one cell goes over all
    /// columns.
    pub(super) fn table(&self, rows: &[Vec<String>]) {
        let safe = |cell: &String| text::line(cell).into_owned();
        let rows = rows.iter().map(|row| row.iter().map(safe).collect());
        let rows: Vec<Vec<_>> = rows.collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter()
                .filter(|row| row.len() > 1)
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
        };
        let widths: Vec<_> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        for row in &rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:width$}"));
            self.line(cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }

    fn words(&self, failure: &Failure) {
        self.to_stderr(&format!(
            "{} {}",
            self.styled("31;1", "error:"),
            text::line(&failure.message)
        ));
        if !failure.hint.is_empty() {
            self.to_stderr(&format!(
                "{} {}",
                self.styled("1", "hint:"),
                text::line(&failure.hint)
            ));
        }
    }

    /// If stderr is closed, that is no error of ours.
    fn to_stderr(&self, words: &str) {
        if self.capture.is_none() {
            let _ = writeln!(io::stderr().lock(), "{words}");
        }
    }

    fn styled(&self, style: &str, word: &str) -> String {
        if self.colour {
            format!("\u{1b}[{style}m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }
}

fn as_json(failure: &Failure) -> Value {
    json!({ "error": failure.code, "message": failure.message, "hint": failure.hint })
}

/// Whether the environment permits colors: an empty `NO_COLOR` forbids none, as its convention
/// says, and a terminal that calls itself dumb has none. All colors that are used can be read on a
/// dark and on a light background.
fn is_color_wanted() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    !is_dumb && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
