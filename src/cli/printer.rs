//! How words reach the user: data to stdout, everything said about it to stderr, `hint:` lines for
//! what can be mended.
//!
//! Whatever is shown goes through [`crate::text`]: words hold what servers, definitions and names
//! say. Only what is exact by its nature (a script, a secret that was asked for) does not.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use clap::builder::StyledStr;
use serde_json::{Value, json};

use super::args::Global;
use super::failure::{Exit, Failure};
use crate::text;

/// Writes for one command.
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
}

/// Who takes the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The write failed.
    Failed(io::ErrorKind),
    /// It has closed its end.
    Gone,
    /// As far as is known.
    There,
}

impl Printer {
    pub(super) fn new(global: Global) -> Self {
        let wanted =
            !global.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            colour: wanted && io::stderr().is_terminal(),
            reader: Cell::new(Reader::There),
        }
    }

    /// For what is printed before the flags are known.
    pub(super) fn plain() -> Self {
        Self {
            json: false,
            ..Self::json()
        }
    }

    /// For errors in the flags themselves.
    pub(super) fn json() -> Self {
        Self {
            json: true,
            quiet: false,
            verbose: false,
            colour: false,
            reader: Cell::new(Reader::There),
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Data. A reader that has gone away is no error of ours, but there is nothing more to say to
    /// it; a full disk is.
    pub(super) fn data(&self, text: &str) {
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

    /// Help and version, in the colours that clap gives them where it would.
    pub(super) fn styled_data(&self, text: &StyledStr) {
        let colourful = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        if colourful {
            self.data(&text.ansi().to_string());
        } else {
            self.data(&text.to_string());
        }
    }

    /// Whether anybody still reads the data.
    pub(super) fn has_reader(&self) -> bool {
        self.reader.get() == Reader::There
    }

    /// Data that could not be written makes the command a failed one.
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

    /// Data, one line.
    pub(super) fn line(&self, text: &str) {
        self.data(&format!("{}\n", text::line(text)));
    }

    /// Data that a program takes as it is, one line. At a terminal nobody does.
    pub(super) fn exact(&self, text: &str) {
        if io::stdout().is_terminal() {
            self.line(text);
        } else {
            self.data(&format!("{text}\n"));
        }
    }

    /// Data that is JSON already, one line.
    pub(super) fn json_line(&self, text: &str) {
        self.data(&format!("{}\n", text::json(text)));
    }

    /// Data as JSON.
    pub(super) fn value(&self, value: &Value) {
        self.json_line(&format!("{value:#}"));
    }

    /// Words about what happens.
    pub(super) fn say(&self, words: &str) {
        if !self.quiet {
            to_stderr(&text::line(words));
        }
    }

    /// Words without which the user cannot go on, on as many lines as they need.
    #[expect(
        clippy::unused_self,
        reason = "where words go is the printer's to decide"
    )]
    pub(super) fn prompt(&self, words: &str) {
        to_stderr(&text::lines(words));
    }

    /// Words for those who asked for more.
    pub(super) fn detail(&self, words: &str) {
        if self.verbose && !self.quiet {
            to_stderr(&text::line(words));
        }
    }

    /// Words that matter even to those who asked for none.
    pub(super) fn warn(&self, words: &str) {
        let warning = self.styled("33;1", "warning:");
        to_stderr(&format!("{warning} {}", text::line(words)));
    }

    /// A failed command.
    pub(super) fn failure(&self, failure: &Failure) {
        if self.json && self.has_reader() {
            self.value(&as_json(failure));
        } else {
            self.words(failure);
        }
    }

    /// The same where stdout belongs to a child.
    pub(super) fn failure_to_stderr(&self, failure: &Failure) {
        if self.json {
            to_stderr(&text::json(&format!("{:#}", as_json(failure))));
        } else {
            self.words(failure);
        }
    }

    /// Rows in columns, the first one being their heads.
    pub(super) fn table(&self, rows: &[Vec<String>]) {
        let safe = |cell: &String| text::line(cell).into_owned();
        let rows = rows.iter().map(|row| row.iter().map(safe).collect());
        let rows: Vec<Vec<_>> = rows.collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter()
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
        to_stderr(&format!(
            "{} {}",
            self.styled("31;1", "error:"),
            text::line(&failure.message)
        ));
        if !failure.hint.is_empty() {
            to_stderr(&format!(
                "{} {}",
                self.styled("36;1", "hint:"),
                text::line(&failure.hint)
            ));
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

/// A reader that has gone away is no error of ours.
fn to_stderr(words: &str) {
    let _ = writeln!(io::stderr().lock(), "{words}");
}

fn as_json(failure: &Failure) -> Value {
    json!({ "error": failure.code, "message": failure.message, "hint": failure.hint })
}
