//! The command line: turns flags into calls, and results into text and exit codes. This is the only
//! module that prints.

mod alerts;
mod args;
mod browser;
mod client_certificate;
mod cmd;
mod context;
mod failure;
mod inside;
mod log_reader;
mod log_words;
mod notices;
mod printer;
mod words;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, Command};
use context::Context;
use failure::{Exit, Failure};
use printer::Printer;

use crate::child;
use crate::os::private_memory;
use crate::os::ulimits::Ulimits;

/// Runs the command that the arguments describe. The first argument is the program's name.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.peekable();
    let program = arguments.next().unwrap_or_default();
    if arguments
        .next_if(|argument| argument.to_str() == Some(child::EXEC_ARGUMENT))
        .is_some()
    {
        let (code, reason) = child::exec_in_place(arguments);
        let _ = writeln!(std::io::stderr(), "authsome: {reason}");
        return ExitCode::from(code);
    }
    let arguments: Vec<_> = arguments.collect();
    private_memory::enter(&program, &arguments, context::wants_readable_memory());
    let arguments: Vec<_> = std::iter::once(program).chain(arguments).collect();
    match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => run(parsed),
        Err(error) => usage(&error, &arguments),
    }
}

fn run(arguments: Arguments) -> ExitCode {
    let printer = Printer::new(arguments.global);
    let is_run = matches!(arguments.command, Command::Run(_));
    // A bug of ours has its own exit code: after `run`, Rust's 101 would look like an exit code of
    // the command. Rust has already printed the panic message.
    let dispatched = AssertUnwindSafe(|| dispatch(arguments.command, &printer));
    let outcome = panic::catch_unwind(dispatched).unwrap_or_else(|_| {
        let hint = "this is a fault of authsome; please report what stands above";
        let message = "authsome ended at a fault of its own";
        Err(Failure::new(Exit::Unexpected, "unexpected", message, hint))
    });
    match outcome.and_then(|code| printer.finish().map(|()| code)) {
        Ok(code) => ExitCode::from(code),
        // With `run`, stdout and the exit codes belong to the child. So our failure goes to stderr,
        // and has a reserved exit code.
        Err(failure) if is_run => {
            printer.failure_to_stderr(&failure);
            ExitCode::from(child::EXIT_NOT_STARTED)
        }
        Err(failure) => {
            printer.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn dispatch(command: Command, printer: &Printer) -> Result<u8, Failure> {
    inside::check(&command, printer)?;
    let context = Context::new(printer, Ulimits::adapt());
    let done = |()| Exit::Ok as u8;
    match command {
        Command::Completions(arguments) => {
            cmd::completions::run(&arguments, printer);
            Ok(Exit::Ok as u8)
        }
        Command::Export(arguments) => cmd::export::run(&arguments, &context).map(done),
        Command::Get(arguments) => cmd::get::run(&arguments, &context).map(done),
        Command::Inspect(arguments) => cmd::inspect::run(&arguments, &context).map(done),
        Command::List => cmd::list::run(&context).map(done),
        Command::Log(arguments) => cmd::log::run(&arguments, &context).map(done),
        Command::Login(arguments) => cmd::login::run(*arguments, &context).map(done),
        Command::Logout(arguments) => cmd::logout::run(&arguments, &context).map(done),
        Command::Revoke(arguments) => cmd::revoke::run(&arguments, &context).map(done),
        Command::Run(arguments) => cmd::run::run(arguments, &context),
        Command::Runs(arguments) => cmd::runs::run(&arguments, &context).map(done),
        Command::SetDefault(arguments) => cmd::set_default::run(&arguments, &context).map(done),
        Command::Whoami => cmd::whoami::run(&context).map(done),
    }
}

/// Help and version are data. Anything else is a usage error, printed as JSON if that was
/// requested.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // Through the printer, which reports a write that failed.
        let printer = Printer::plain();
        printer.styled_data(&error.render());
        return match printer.finish() {
            Ok(()) => ExitCode::from(Exit::Ok as u8),
            Err(failure) => {
                printer.failure(&failure);
                ExitCode::from(failure.exit as u8)
            }
        };
    }
    let ours = arguments.iter().take_while(|argument| *argument != "--");
    if ours.into_iter().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let ends = ["Usage:", "For more information"];
        let said = text
            .lines()
            .take_while(|line| !ends.iter().any(|end| line.starts_with(end)))
            .map(str::trim);
        let said: Vec<_> = said.filter(|line| !line.is_empty()).collect();
        let first = said.join(" ").replace(" tip: ", "; tip: ");
        let first = first.trim_start_matches("error: ").to_owned();
        let failure = Failure::new(Exit::Usage, "usage", first, "authsome --help");
        Printer::json().failure(&failure);
    } else {
        let _ = error.print();
    }
    ExitCode::from(Exit::Usage as u8)
}
