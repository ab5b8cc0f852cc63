//! `authsome logout`: local only.

use serde_json::json;

use crate::audit::{Event, Kind};
use crate::cli::args::Named;
use crate::cli::context::{Context, not_found};
use crate::cli::failure::Failure;

pub(in crate::cli) fn run(arguments: &Named, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let id = data.id(&arguments.provider, arguments.connection.as_ref())?;
    // Not opened: a record that no longer opens can be forgotten too.
    if data.store.generation(&id)?.is_none() {
        return Err(not_found(&id.provider, Some(&id.name)));
    }
    data.store.delete(&id)?;
    data.audit.record(&Event::new(Kind::Logout).of(&id));
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "connection": id.to_string(), "removed_locally": true }));
        return Ok(());
    }
    printer.say(&format!(
        "Forgot {id} on this machine. Its grant is still valid at the provider; `authsome revoke` ends it as well."
    ));
    Ok(())
}
