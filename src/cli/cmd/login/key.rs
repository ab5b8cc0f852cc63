//! The parts of a credential that the user has: from files, from the variables in which the
//! service's own tools look, or typed at the terminal.

use std::io::{self, IsTerminal};
use std::path::Path;

use authsome_providers::{ApiKey, CredentialField, Provider, SignIn};
use tokio::runtime::Runtime;

use super::files::read_secret_of;
use super::report::failure;
use crate::cli::args::{Login, Pair};
use crate::cli::ask::ask;
use crate::cli::browser::has_browser;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::words::{typed_command, typed_command_replacing, typed_command_with};
use crate::connection::{ExchangeRequest, KeyPart, KeyRequest, LoginError};
use crate::oauth::KeyExchange;
use crate::secret::Secret;

/// Reads all parts of the credential.
pub(super) fn key(
    arguments: &Login,
    (provider, sign_in): (&Provider, &SignIn),
    api_key: &ApiKey,
    runtime: &Runtime,
    printer: &Printer,
) -> Result<KeyRequest, Failure> {
    let unknown = |pair: &&Pair| !api_key.fields.iter().any(|field| field.name == pair.name);
    if let Some(pair) = arguments.field.iter().find(unknown) {
        return Err(no_such_field(&pair.name, provider, api_key));
    }
    // A terminal is where the user is. Without one, a program has started this for its user, who
    // has a browser.
    let has_terminal = io::stdin().is_terminal() && !printer.is_json();
    let has_form = arguments.form || (!has_terminal && !arguments.no_browser && has_browser());
    let mut parts = Vec::new();
    for (position, field) in api_key.fields.iter().enumerate() {
        let given = Given {
            is_first: position == 0,
            pair: arguments.field.iter().find(|pair| pair.name == field.name),
            file: arguments.api_key_file.as_deref().filter(|_| position == 0),
        };
        let mut value = given.read(field, provider, runtime, printer)?;
        if value.is_none() && has_terminal && !has_form {
            value = ask_for(field, provider, runtime, printer)?;
        }
        let value = value.filter(|value| !value.expose().is_empty());
        match &value {
            Some(value) => check_form(field, value)?,
            None if field.is_optional || has_form => {}
            None => return Err(given.missing(field)),
        }
        let field = field.clone();
        parts.push(KeyPart { field, value });
    }
    // What is optional alone is no reason for a form.
    let lacks = |part: &KeyPart| part.value.is_none() && !part.field.is_optional;
    Ok(KeyRequest {
        has_form: has_form && (arguments.form || parts.iter().any(lacks)),
        docs_url: provider.docs_url.clone(),
        exchange: exchange(api_key, sign_in),
        parts,
    })
}

/// Where the key is exchanged for what requests carry, if the definition says so.
fn exchange(api_key: &ApiKey, sign_in: &SignIn) -> Option<ExchangeRequest> {
    let (exchange, endpoint) = api_key.exchange.as_ref().zip(sign_in.exchange.clone())?;
    let (id_part, id) = exchange.id.clone().unzip();
    Some(ExchangeRequest {
        endpoint,
        id_part,
        form: KeyExchange {
            key: exchange.key.clone(),
            id,
            lifetime: exchange.lifetime,
        },
    })
}

/// What the flags say of one part.
struct Given<'a> {
    is_first: bool,
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
        let prompt = hidden(field, provider);
        let read = |path: &Path, flag| read_secret_of(path, flag, &prompt, runtime);
        if let Some(path) = self.file {
            return read(path, "--api-key-file");
        }
        if let Some(pair) = self.pair {
            return match pair.value.strip_prefix('@') {
                Some(path) => read(Path::new(path), "--field"),
                None if pair.value == "-" => read(Path::new("-"), "--field"),
                None if field.is_secret && !pair.value.is_empty() => Err(in_the_open(field, pair)),
                None => Ok(Some(Secret::new(pair.value.clone()))),
            };
        }
        Ok(from_variable(field, printer))
    }

    /// The failure where the flags say nothing of a part, or name something empty.
    fn missing(&self, field: &CredentialField) -> Failure {
        let label = &field.label;
        let (message, hint) = if let Some(path) = self.file {
            let hint = typed_command_replacing(&path.to_string_lossy(), "PATH");
            (format!("{} has no {label} in it", path.display()), hint)
        } else if let Some(pair) = self.pair {
            let value = if field.is_secret { "@PATH" } else { "VALUE" };
            let old = format!("{}={}", pair.name, pair.value);
            let hint = typed_command_replacing(&old, &format!("{}={value}", pair.name));
            (format!("the {label} that is given is empty"), hint)
        } else {
            let flag = match (self.is_first, field.is_secret) {
                (true, _) => "--api-key-file PATH".to_owned(),
                (false, true) => format!("--field {}=@PATH", field.name),
                (false, false) => format!("--field {}=VALUE", field.name),
            };
            (format!("no {label} is given"), typed_command_with(&flag))
        };
        Failure::new(Exit::Usage, "usage", message, hint)
    }
}

/// Asks at the terminal.
fn ask_for(
    field: &CredentialField,
    provider: &Provider,
    runtime: &Runtime,
    printer: &Printer,
) -> Result<Option<Secret<String>>, Failure> {
    if field.is_secret {
        let prompt = hidden(field, provider);
        return read_secret_of(Path::new("-"), "--api-key-file", &prompt, runtime);
    }
    let optional = if field.is_optional {
        " (Enter for none)"
    } else {
        ""
    };
    let question = format!("{} for {}{optional}: ", field.label, provider.display_name);
    let typed = ask(printer, &question).map(|line| line.trim().to_owned());
    Ok(typed.map(Secret::new))
}

/// What asks for something that is not shown while it is typed.
fn hidden(field: &CredentialField, provider: &Provider) -> String {
    let optional = if field.is_optional {
        "Enter for none, "
    } else {
        ""
    };
    format!(
        "{} for {} ({optional}not shown): ",
        field.label, provider.display_name
    )
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
    let Some(fault) = field.fault_of(value.expose()) else {
        return Ok(());
    };
    let label = field.label.clone();
    let error = LoginError::KeyUnusable { label, fault };
    Err(failure(error, None, &typed_command()))
}

/// Everybody on the machine sees the arguments of a command.
fn in_the_open(field: &CredentialField, pair: &Pair) -> Failure {
    let message = format!(
        "{} is secret, and others can see a command's arguments",
        field.label
    );
    let old = format!("{}={}", pair.name, pair.value);
    let hint = typed_command_replacing(&old, &format!("{}=@PATH", pair.name));
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
