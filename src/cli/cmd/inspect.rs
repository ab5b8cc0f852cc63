//! `authsome inspect`.

use crate::cli::args::Inspect;
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub(in crate::cli) fn run(arguments: &Inspect, context: &Context<'_>) -> Result<(), Failure> {
    let definition = Context::household()?.catalog.get(&arguments.provider)?;
    for warning in &definition.warnings {
        context
            .printer
            .warn(&format!("{}: {warning}", arguments.provider));
    }
    context.printer.value(definition.json());
    Ok(())
}
