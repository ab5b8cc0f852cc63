//! The parts of a credential that the user has: from files, from the variables in which the
//! service's own tools look, or typed at the terminal.

use std::io::{self, IsTerminal};
use std::path::Path;

use authsome_providers::{ApiKey, CredentialField, Provider};
use tokio::runtime::Runtime;

use super::files::read_secret_of;
use crate::cli::args::{Login, Pair};
use crate::cli::ask::ask;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::words::typed_command_with;
use crate::connection::{KeyRequest, StoredField};
use crate::secret::Secret;

/// The longest part of a credential: a key of Google's is a JSON file of 2 KiB.
const MAX_PART: usize = 16 * 1024;

/// Reads all parts of the credential.
pub(super) fn key(
    arguments: &Login,
    provider: &Provider,
    api_key: &ApiKey,
    runtime: &Runtime,
    printer: &Printer,
) -> Result<KeyRequest, Failure> {
    let unknown = |pair: &&Pair| !api_key.fields.iter().any(|field| field.name == pair.name);
    if let Some(pair) = arguments.field.iter().find(unknown) {
        return Err(no_such_field(&pair.name, provider, api_key));
    }
    let mut parts = Vec::new();
    for (position, field) in api_key.fields.iter().enumerate() {
        let given = Given {
            pair: arguments.field.iter().find(|pair| pair.name == field.name),
            file: arguments.api_key_file.as_deref().filter(|_| position == 0),
        };
        let value = given.read(field, provider, runtime, printer)?;
        let value = value.filter(|value| !value.expose().is_empty());
        match value {
            Some(value) => {
                check_form(field, &value)?;
                parts.push(StoredField {
                    name: field.name.clone(),
                    value,
                    is_secret: field.is_secret,
                });
            }
            None if field.is_optional => {}
            None => return Err(missing(field, position == 0)),
        }
    }
    let mut parts = parts.into_iter();
    let key = parts.next().map(|part| part.value);
    Ok(KeyRequest {
        key: key.ok_or_else(|| missing(&api_key.fields[0], true))?,
        fields: parts.collect(),
    })
}

/// What the flags say of one part.
struct Given<'a> {
    pair: Option<&'a Pair>,
    file: Option<&'a Path>,
}

impl Given<'_> {
    fn read(
        &self,
        field: &CredentialField,
        provider: &Provider,
        runtime: &Runtime,
        printer: &Printer,
    ) -> Result<Option<Secret<String>>, Failure> {
        let prompt = format!(
            "{} for {} (not shown): ",
            field.label, provider.display_name
        );
        let read = |path: &Path, flag| read_secret_of(path, flag, &prompt, runtime);
        if let Some(path) = self.file {
            return read(path, "--api-key-file");
        }
        if let Some(pair) = self.pair {
            return match pair.value.strip_prefix('@') {
                Some(path) => read(Path::new(path), "--field"),
                None if pair.value == "-" => read(Path::new("-"), "--field"),
                None if field.is_secret => Err(in_the_open(field)),
                None => Ok(Some(Secret::new(pair.value.clone()))),
            };
        }
        if let Some(value) = from_variable(field, printer) {
            return Ok(Some(value));
        }
        if !io::stdin().is_terminal() || printer.is_json() {
            return Ok(None);
        }
        if field.is_secret {
            return read(Path::new("-"), "--api-key-file");
        }
        let question = format!("{} for {}: ", field.label, provider.display_name);
        let typed = ask(printer, &question).map(|line| line.trim().to_owned());
        Ok(typed.map(Secret::new))
    }
}

/// The variable in which the service's own tools look. What stands there for a credential in a run
/// is none.
fn from_variable(field: &CredentialField, printer: &Printer) -> Option<Secret<String>> {
    let name = field.env_var.as_ref()?;
    let value = std::env::var(name).ok()?;
    let value = Secret::new(value);
    let is_none = value.expose().is_empty() || *value.expose() == field.placeholder;
    if is_none || value.expose().contains(authsome_providers::PLACEHOLDER) {
        return None;
    }
    printer.say(&format!("{}: from the variable {name}.", field.label));
    Some(value)
}

/// A key that cannot be right is not sent anywhere.
fn check_form(field: &CredentialField, value: &Secret<String>) -> Result<(), Failure> {
    let text = value.expose();
    let is_plain = text.len() <= MAX_PART && !text.chars().any(char::is_control);
    let fits = field
        .pattern
        .as_ref()
        .is_none_or(|pattern| pattern.accepts(text));
    if is_plain && fits {
        return Ok(());
    }
    let form = match &field.hint {
        Some(hint) if is_plain => format!(": {hint}"),
        _ if is_plain => String::new(),
        _ => ": it has control characters, or is too long".to_owned(),
    };
    let message = format!("{} does not have the form of one{form}", field.label);
    let hint = "copy it again from the service's page, whole and without blanks";
    Err(Failure::new(Exit::Usage, "key_invalid", message, hint))
}

fn missing(field: &CredentialField, is_first: bool) -> Failure {
    let message = format!("no {} is given", field.label);
    let flag = if is_first {
        "--api-key-file PATH".to_owned()
    } else if field.is_secret {
        format!("--field {}=@PATH", field.name)
    } else {
        format!("--field {}=VALUE", field.name)
    };
    Failure::new(Exit::Usage, "usage", message, typed_command_with(&flag))
}

/// Everybody on the machine sees the arguments of a command.
fn in_the_open(field: &CredentialField) -> Failure {
    let message = format!(
        "{} is secret, and others can see a command's arguments",
        field.label
    );
    let hint = format!(
        "--field {}=@PATH, or --field {}=- for standard input",
        field.name, field.name
    );
    Failure::new(Exit::Usage, "usage", message, hint)
}

fn no_such_field(name: &str, provider: &Provider, api_key: &ApiKey) -> Failure {
    let names: Vec<_> = api_key
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let message = format!(
        "{} has no field {name}; there is {}",
        provider.display_name,
        names.join(", ")
    );
    let hint = format!("authsome inspect {}", provider.id);
    Failure::new(Exit::Usage, "usage", message, hint)
}
