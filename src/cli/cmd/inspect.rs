//! `authsome inspect`.

use crate::cli::args::Inspect;
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub(in crate::cli) fn run(arguments: &Inspect, context: &Context<'_>) -> Result<(), Failure> {
    let catalog = Context::user_files()?.catalog;
    let (definition, passed_over) = catalog.template(&arguments.provider)?;
    if let Some(file) = passed_over {
        context.printer.warn(&format!(
            "{} is empty, so this is the definition that comes with authsome",
            file.display()
        ));
    }
    for warning in &definition.warnings {
        context
            .printer
            .warn(&format!("{}: {warning}", arguments.provider));
    }
    context.printer.value(definition.json());
    Ok(())
}
