//! `authsome logout`: local only.

use crate::audit::{Event, Kind};
use crate::cli::args::Named;
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub(in crate::cli) fn run(arguments: &Named, context: &Context<'_>) -> Result<(), Failure> {
    let estate = Context::estate()?;
    let id = estate.connection(arguments)?.connection.id;
    estate.store.delete(&id)?;
    estate.audit.record(Event::new(Kind::Logout).of(&id));
    context.printer.say(&format!(
        "Forgot {id} on this machine. The provider still honours its grant; `authsome revoke` ends that too."
    ));
    Ok(())
}
