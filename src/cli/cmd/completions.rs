//! `authsome completions`, and the calls of its scripts.
//!
//! The script that a shell loads calls authsome with the words so far: `COMPLETE=bash authsome --
//! WORDS`. `complete.rs` has what is completed.

use std::ffi::OsString;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

use crate::cli::args::{Arguments, Completions};
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;

/// The name that the script completes for, and the program that it calls: whichever is on `PATH`
/// then, so that the script stays right after an upgrade.
const PROGRAM: &str = "authsome";

/// The variable that names the shell.
const VARIABLE: &str = "COMPLETE";

/// Prints the completions, if this call asks for them.
pub(in crate::cli) fn answer(arguments: &[OsString]) -> bool {
    let is_asked = std::env::var_os(VARIABLE).is_some()
        && arguments.get(1).is_some_and(|argument| argument == "--");
    if !is_asked {
        return false;
    }
    let directory = std::env::current_dir().ok();
    let completed = CompleteEnv::with_factory(Arguments::command)
        .try_complete(arguments.to_vec(), directory.as_deref());
    completed.unwrap_or(true) // an error message would stand in the user's line
}

pub(in crate::cli) fn run(arguments: &Completions, printer: &Printer) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shell = arguments.shell.to_string();
    if let Some(shell) = Shells::builtins().completer(&shell) {
        shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    }
    printer.data(&String::from_utf8_lossy(&script));
    Ok(())
}
