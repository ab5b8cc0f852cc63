//! `authsome completions`.

use clap_complete::env::Shells;

use crate::cli::args::Completions;
use crate::cli::complete::VARIABLE;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;

/// The name that the script completes for, and the program that it calls: whichever is on `PATH`
/// then, so that the script stays right after an upgrade.
const PROGRAM: &str = "authsome";

pub(in crate::cli) fn run(arguments: &Completions, printer: &Printer) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shell = arguments.shell.to_string();
    if let Some(shell) = Shells::builtins().completer(&shell) {
        shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    }
    printer.data(&String::from_utf8_lossy(&script));
    Ok(())
}
