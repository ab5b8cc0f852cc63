//! `authsome` without a command.

use serde_json::json;

use crate::cli::args::Status;
use crate::cli::cmd::status;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::help;
use crate::os::home::Home;

/// Shows the state of the connections, or the first steps where there is no vault yet. Nothing is
/// created by this.
pub(in crate::cli) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let variable = |name| std::env::var_os(name);
    let has_vault = Home::path_of(variable("AUTHSOME_HOME"), variable("HOME"))
        .is_ok_and(|home| home.join("vault.db").exists());
    if has_vault {
        return status::run(&Status { offline: false }, context);
    }
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "connections": [], "runs": [] }));
    } else {
        printer.data(&help::first_steps());
    }
    Ok(())
}
