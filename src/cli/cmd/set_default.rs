//! `authsome set-default`.

use serde_json::json;

use crate::cli::args::{Named, SetDefault};
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};

pub(in crate::cli) fn run(arguments: &SetDefault, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let named = Named {
        target: arguments.target.clone(),
        connection: arguments.name.clone(),
    };
    if named.name().is_none() {
        let provider = named.provider();
        let hint = format!("authsome set-default {provider} NAME; see: authsome list");
        let message = "the connection's name is missing";
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    let id = data.connection(&named)?.connection.id;
    data.store.set_default(&id)?;
    let printer = context.printer;
    if printer.is_json() {
        printer
            .value(&json!({ "provider": id.provider.to_string(), "connection": id.to_string() }));
    } else {
        printer.say(&format!(
            "The default connection of {} is now {id}.",
            id.provider
        ));
    }
    Ok(())
}
