//! Asks the user something at a terminal.

use std::fs::File;
use std::io::{self, IsTerminal, Read};

use super::printer::Printer;

/// The longest line that is read; no terminal has a longer one.
const MAX_LINE: usize = 4096;

/// Whether somebody can be asked: stdin and stderr are a terminal, and neither `--json` nor
/// `--quiet` says that a program reads along.
pub(super) fn can_ask(printer: &Printer) -> bool {
    !printer.is_json()
        && !printer.is_quiet()
        && io::stdin().is_terminal()
        && io::stderr().is_terminal()
}

/// Prints the question and reads a line; `None` at the end of the input (Ctrl-D), or if the
/// terminal cannot be read. Ctrl-C ends the process, as it does anywhere before something began.
///
/// The terminal is read byte by byte, so that what is typed ahead is left for the command that is
/// started afterwards.
pub(super) fn ask(printer: &Printer, question: &str) -> Option<String> {
    printer.question(question);
    let mut terminal = File::open("/dev/tty").ok()?;
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match terminal.read(&mut byte) {
            Ok(1) if byte == *b"\n" => return String::from_utf8(line).ok(),
            Ok(1) if line.len() < MAX_LINE => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
}

/// Whether the answer is yes; an empty line is.
pub(super) fn agrees(answer: Option<&str>) -> bool {
    answer.is_some_and(|answer| {
        matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "" | "y" | "yes"
        )
    })
}
