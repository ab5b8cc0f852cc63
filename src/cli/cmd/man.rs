//! `authsome man`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use crate::cli::args::{Arguments, Man};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;

pub(in crate::cli) fn run(arguments: &Man, printer: &Printer) -> Result<(), Failure> {
    let mut all = Arguments::command().disable_help_flag(true);
    all.build();
    let Some(directory) = &arguments.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(all).render(&mut page)?;
        printer.data(&String::from_utf8_lossy(&page));
        return Ok(());
    };
    write_all(&all, directory).map_err(|error| {
        let message = format!("cannot write to {}: {error}", directory.display());
        let hint = format!("mkdir -p '{}'", directory.display());
        Failure::new(Exit::Unexpected, "output_failed", message, hint)
    })
}

/// Writes a page for the program and one for each of its commands.
fn write_all(all: &clap::Command, directory: &Path) -> io::Result<()> {
    write(all, "authsome".to_owned(), directory)?;
    for command in all
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        write(
            command,
            format!("authsome-{}", command.get_name()),
            directory,
        )?;
    }
    Ok(())
}

fn write(command: &clap::Command, name: String, directory: &Path) -> io::Result<()> {
    let file = directory.join(format!("{name}.1"));
    let mut page = Vec::new();
    let manual = clap_mangen::Man::new(command.clone()).title(name);
    manual.render(&mut page)?;
    fs::File::create(file)?.write_all(&page)
}
