//! `authsome set-default`.

use crate::cli::args::{Named, SetDefault};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub(in crate::cli) fn run(arguments: &SetDefault, context: &Context<'_>) -> Result<(), Failure> {
    let estate = Context::estate()?;
    let named = Named {
        provider: arguments.provider.clone(),
        connection: Some(arguments.name.clone()),
    };
    let id = estate.connection(&named)?.connection.id;
    estate.store.set_default(&id)?;
    context
        .printer
        .say(&format!("{} now means {id}.", id.provider));
    Ok(())
}
