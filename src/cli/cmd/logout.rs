//! `authsome logout`: removes a connection from this machine only.

use serde_json::json;

use crate::audit::{Event, Kind};
use crate::cli::args::Named;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::failure::not_found;

pub(in crate::cli) fn run(arguments: &Named, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let id = data.id_of(arguments)?;
    // The record is not opened, so that a record that can no longer be opened can be removed too.
    if data.store.generation(&id)?.is_none() {
        return Err(not_found(&id.provider, Some(&id.name)));
    }
    let stored = data.store.load(&id).ok().flatten();
    let is_key = stored.is_some_and(|stored| stored.connection.is_of_key());
    data.store.delete(&id)?;
    data.audit.record(&Event::new(Kind::Logout).of(&id));
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "connection": id.to_string(), "removed_locally": true }));
        return Ok(());
    }
    let left = if is_key {
        "The key is still good: delete it on the service's page as well."
    } else {
        "Its grant is still valid at the provider; `authsome revoke` ends it as well."
    };
    printer.say(&format!("Forgot {id} on this machine. {left}"));
    Ok(())
}
