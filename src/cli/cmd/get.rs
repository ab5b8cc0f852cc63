//! `authsome get`.

use clap::ValueEnum;
use serde_json::Value;

use super::{cell, describe};
use crate::audit::{Event, Kind};
use crate::cli::args::{Field, Get};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::connection::Connection;
use crate::secret::Secret;

pub(in crate::cli) fn run(arguments: &Get, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let definition = data.definition_to_show(arguments.named.provider(), context.printer)?;
    let hands_out_token = arguments.show_secret
        && !matches!(arguments.field, Some(field) if field != Field::AccessToken);
    let connection = if hands_out_token {
        data.fresh(&arguments.named, context.printer)?
    } else {
        data.connection(&arguments.named)?.connection
    };
    let is_default =
        data.store.default_of(&connection.id.provider)?.as_ref() == Some(&connection.id.name);
    let mut described = describe(&connection, &definition, is_default)?;
    let printer = context.printer;
    if arguments.show_secret && reads_secret(arguments.field) {
        show_secrets(&mut described, &connection);
        let event = Event::new(Kind::Export).of(&connection.id);
        data.audit.record(&event.because("get --show-secret"));
        // Before the secret is shown, so that the user is warned if this is not in the log.
        if let Some(problem) = data.audit.finish() {
            printer.warn(&problem);
        }
    }
    match arguments.field {
        Some(field) => {
            let name = field
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default();
            let value = &described[&name];
            if printer.is_json() {
                printer.value(value);
            } else if arguments.show_secret {
                printer.exact(&cell(value));
            } else {
                printer.line(&cell(value));
            }
        }
        None if printer.is_json() => printer.value(&described),
        None => {
            let rows = described
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| vec![name.clone(), cell(value)]);
            printer.table(&rows.collect::<Vec<_>>());
        }
    }
    Ok(())
}

fn reads_secret(field: Option<Field>) -> bool {
    field.is_none_or(|field| {
        matches!(
            field,
            Field::AccessToken | Field::ClientSecret | Field::RefreshToken
        )
    })
}

fn show_secrets(described: &mut Value, connection: &Connection) {
    let shown = |secret: Option<&Secret<String>>| {
        secret.map_or(Value::Null, |secret| Value::from(secret.expose().as_str()))
    };
    let client = connection.client.as_ref();
    let secrets = [
        ("access_token", Some(&connection.tokens.access)),
        ("refresh_token", connection.tokens.refresh.as_ref()),
        (
            "client_secret",
            client.and_then(|client| client.client_secret.as_ref()),
        ),
    ];
    for (name, secret) in secrets {
        described[name] = shown(secret);
    }
}
