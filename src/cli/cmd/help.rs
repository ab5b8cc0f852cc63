//! `authsome help`.

use crate::cli::args::Help;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::{habits, help};

pub(in crate::cli) fn run(arguments: &Help, printer: &Printer) -> Result<(), Failure> {
    let Some((word, rest)) = arguments.command.split_first() else {
        printer.data(&help::text(help::columns()));
        return Ok(());
    };
    // A word of another program is explained by the command that it means.
    let meant = habits::meant(word, rest.first().map(String::as_str));
    let meant = meant
        .as_deref()
        .and_then(|command| command.split(' ').next());
    let text = help::of_command(word).or_else(|| help::of_command(meant?));
    let text = text.ok_or_else(|| {
        let message = format!("authsome has no command '{word}'");
        Failure::new(Exit::Usage, "usage", message, "all commands: authsome help")
    })?;
    printer.styled_data(&text);
    Ok(())
}
