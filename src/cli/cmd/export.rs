//! `authsome export`: prints a token unprotected, for a program that cannot run under `authsome
//! run`.

use authsome_providers::ExportField;
use serde_json::{Map, Value};

use crate::audit::{Event, Kind};
use crate::cli::args::{Export, ExportFormat};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

pub(in crate::cli) fn run(arguments: &Export, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let provider = data.provider(arguments.named.provider(), context.printer)?;
    let connection = data.fresh(&arguments.named, context.printer)?;
    // Refresh tokens are never exported: the first program that uses one makes it invalid for all
    // others.
    let names = provider
        .export
        .iter()
        .filter(|export| export.field != ExportField::RefreshToken);
    let credential = connection.credential(0);
    let fields = credential.fields();
    let variables: Vec<_> = names
        .filter_map(|export| {
            let value = match &export.field {
                ExportField::Field(name) => fields.named(name)?,
                _ => fields.credential,
            };
            Some((export.variable.as_str(), value.expose()))
        })
        .collect();
    data.audit
        .record(&Event::new(Kind::Export).of(&connection.id));
    // Before the token is shown, so that the user is warned of an export that is not in the log.
    if let Some(problem) = data.audit.finish() {
        context.printer.warn(&problem);
    }
    let format = if context.printer.is_json() {
        ExportFormat::Json
    } else {
        arguments.format
    };
    if format == ExportFormat::Json {
        let object = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value.as_str())));
        context
            .printer
            .value(&Value::Object(object.collect::<Map<_, _>>()));
        return Ok(());
    }
    let prefix = if format == ExportFormat::Shell {
        "export "
    } else {
        ""
    };
    for (name, value) in variables {
        context
            .printer
            .exact(&format!("{prefix}{name}={}", quote(value)));
    }
    Ok(())
}

/// Inside single quotes, a POSIX shell interprets nothing but the closing quote.
pub(in crate::cli::cmd) fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_safe_for_eval() {
        assert_eq!(quote("abc"), "'abc'");
        assert_eq!(quote("a'b"), "'a'\\''b'");
        assert_eq!(quote("$(rm -rf /)`x`\n"), "'$(rm -rf /)`x`\n'");
    }
}
