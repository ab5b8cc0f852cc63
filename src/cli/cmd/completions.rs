//! `authsome completions`.

use clap::CommandFactory;

use crate::cli::args::{Arguments, Completions};
use crate::cli::printer::Printer;

pub(in crate::cli) fn run(arguments: &Completions, printer: &Printer) {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "authsome",
        &mut script,
    );
    printer.data(&String::from_utf8_lossy(&script));
}
