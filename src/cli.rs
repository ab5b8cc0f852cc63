//! The command line: turns flags into calls, and results into text and exit codes. This is the only
//! module that prints.

mod alerts;
mod args;
mod ask;
mod browser;
mod client_certificate;
mod cmd;
mod complete;
mod context;
mod editor;
mod failure;
mod habits;
mod help;
mod inside;
mod log_reader;
mod log_words;
mod notices;
mod printer;
mod renewal;
mod stop;
mod usage;
mod waits;
mod words;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, Command, plain_run};
use context::Context;
use failure::{Exit, Failure};
use printer::Printer;

use crate::child;
use crate::isolate;
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
        if let Some(reason) = reason {
            let _ = writeln!(std::io::stderr(), "authsome: {reason}");
        }
        return ExitCode::from(code);
    }
    for (word, become_it) in [
        (isolate::HELPER_ARGUMENT, isolate::enter as fn(_) -> u8),
        (isolate::INIT_ARGUMENT, isolate::init),
    ] {
        let is_asked = |argument: &OsString| argument.to_str() == Some(word);
        if arguments.next_if(is_asked).is_some() {
            return ExitCode::from(become_it(arguments));
        }
    }
    let arguments: Vec<_> = arguments.collect();
    let asked: Vec<_> = std::iter::once(program.clone())
        .chain(arguments.clone())
        .collect();
    if cmd::completions::answer(&asked) {
        return ExitCode::from(Exit::Ok as u8);
    }
    private_memory::enter(&program, &arguments, context::wants_readable_memory());
    let mut arguments: Vec<_> = std::iter::once(program).chain(arguments).collect();
    habits::translate(&mut arguments);
    let parsed = plain_run(&arguments).map_or_else(|| Arguments::try_parse_from(&arguments), Ok);
    match parsed {
        Ok(parsed) => run(parsed),
        Err(error) => usage(&error, &arguments),
    }
}

fn run(arguments: Arguments) -> ExitCode {
    let printer = Printer::new(arguments.global);
    let is_run = matches!(arguments.command, Some(Command::Run(_)));
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
            ExitCode::from(failure.exit_of_run())
        }
        Err(failure) => {
            printer.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn dispatch(command: Option<Command>, printer: &Printer) -> Result<u8, Failure> {
    // Before anything is created, the home among it.
    let ulimits = Ulimits::adapt();
    if let Some(command) = &command {
        inside::check(command, printer)?;
    }
    let context = Context::new(printer, ulimits);
    let done = |()| Exit::Ok as u8;
    let Some(command) = command else {
        return cmd::start::run(&context).map(done);
    };
    match command {
        Command::Completions(arguments) => cmd::completions::run(&arguments, printer).map(done),
        Command::Credential(arguments) => cmd::credential::run(&arguments, &context).map(done),
        Command::Doctor(arguments) => cmd::doctor::run(&arguments, &context).map(done),
        Command::Export(arguments) => cmd::export::run(&arguments, &context).map(done),
        Command::Get(arguments) => cmd::get::run(&arguments, &context).map(done),
        Command::Ask(arguments) => cmd::ask::run(arguments, &context).map(done),
        Command::Allow(arguments) => cmd::allow::run(&arguments, true, &context).map(done),
        Command::Deny(arguments) => cmd::allow::run(&arguments, false, &context).map(done),
        Command::Help(arguments) => cmd::help::run(&arguments, printer).map(done),
        Command::Inspect(arguments) => cmd::inspect::run(&arguments, &context).map(done),
        Command::List => cmd::list::run(&context).map(done),
        Command::Log(arguments) => cmd::log::run(&arguments, &context).map(done),
        Command::Login(arguments) => cmd::login::run(*arguments, &context).map(done),
        Command::Logout(arguments) => cmd::logout::run(&arguments, &context).map(done),
        Command::Man(arguments) => cmd::man::run(&arguments, printer).map(done),
        Command::Ps => cmd::ps::run(&context).map(done),
        Command::Stop(arguments) => cmd::stop::run(&arguments, &context).map(done),
        Command::Policy(arguments) => cmd::policy::run(arguments, &context),
        Command::Register(arguments) => cmd::register::run(&arguments, &context).map(done),
        Command::Remove(arguments) => cmd::register::remove(&arguments, &context).map(done),
        Command::Revoke(arguments) => cmd::revoke::run(arguments, &context),
        Command::Proxy(arguments) => cmd::proxy::run(*arguments, &context),
        Command::Run(arguments) => cmd::run::run(*arguments, &context),
        Command::Runs(arguments) => cmd::runs::run(&arguments, &context).map(done),
        Command::SetDefault(arguments) => cmd::set_default::run(&arguments, &context).map(done),
        Command::Skill(arguments) => cmd::skill::run(&arguments, &context).map(done),
        Command::Status(arguments) => cmd::status::run(&arguments, &context).map(done),
        Command::Token(arguments) => cmd::token::run(&arguments, &context).map(done),
        Command::Ui(arguments) => cmd::ui::run(&arguments, &context).map(done),
        Command::Uninstall(arguments) => cmd::uninstall::run(&arguments, &context).map(done),
        Command::Vault(arguments) => cmd::vault::run(&arguments, &context).map(done),
        Command::Version => {
            cmd::version::run(printer);
            Ok(Exit::Ok as u8)
        }
        Command::Whoami => cmd::whoami::run(&context).map(done),
    }
}

/// Help and version are data. Anything else is an error in the command line, printed as JSON if
/// that was requested.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let mut own = arguments.iter().take_while(|argument| *argument != "--");
    let printer = if own.any(|argument| argument == "--json") {
        Printer::json()
    } else {
        Printer::plain()
    };
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // Through the printer, which reports a write that failed.
        let printer = Printer::plain();
        if error.kind() == ErrorKind::DisplayHelp && usage::command_of(arguments).is_none() {
            printer.data(&help::text(help::columns()));
        } else {
            printer.styled_data(&error.render());
        }
        return match printer.finish() {
            Ok(()) => ExitCode::from(Exit::Ok as u8),
            Err(failure) => {
                printer.failure(&failure);
                ExitCode::from(failure.exit as u8)
            }
        };
    }
    let failure = usage::failure(error, arguments);
    if usage::is_run(arguments) {
        printer.failure_to_stderr(&failure);
        return ExitCode::from(failure.exit_of_run());
    }
    printer.failure(&failure);
    ExitCode::from(failure.exit as u8)
}
