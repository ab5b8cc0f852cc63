//! `authsome register` and `authsome remove`: definitions of the user's own.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use authsome_providers::{Auth, Catalog, Definition, Service, Shape, Source};
use serde_json::{Value, json};

use crate::cli::args::{Register, Remove};
use crate::cli::ask::{ask, can_ask};
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::typed_command_with;
use crate::os::home::create_private_directory;

/// The largest definition that is taken.
const MAX_DEFINITION: u64 = 1024 * 1024;

pub(in crate::cli) fn run(arguments: &Register, context: &Context<'_>) -> Result<(), Failure> {
    let files = Context::user_files()?;
    let printer = context.printer;
    let text = read(&arguments.file)?;
    let source = Source::Custom(arguments.file.clone());
    let definition = Definition::parse(&text, source).map_err(|error| {
        let message = format!("{}: {error}", arguments.file.display());
        let hint = "correct the file, and register it again; the fields are in docs/definitions.md";
        Failure::new(Exit::Usage, "definition_invalid", message, hint)
    })?;
    let id = &definition.provider.id;
    if files.catalog.get(id).is_ok() && !arguments.force {
        let message = format!("there is a definition of {id} already");
        let hint = format!("to replace it: {}", typed_command_with("--force"));
        return Err(Failure::new(
            Exit::ProviderExists,
            "provider_exists",
            message,
            hint,
        ));
    }
    let told = what_it_does(&definition);
    for warning in &definition.warnings {
        printer.warn(warning);
    }
    if printer.is_json() {
        if !arguments.yes {
            return Err(unconfirmed());
        }
    } else {
        for line in &told {
            printer.prompt(line);
        }
        if !arguments.yes {
            if !can_ask(printer) {
                return Err(unconfirmed());
            }
            let answer = ask(printer, "Take this definition? [y/N] ").unwrap_or_default();
            if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
                let hint = typed_command_with("--yes");
                let message = "nothing was registered";
                return Err(Failure::new(Exit::Usage, "cancelled", message, hint));
            }
        }
    }
    create_private_directory(&files.home.path("providers"))?;
    files
        .home
        .write_private(&format!("providers/{id}.json"), text.as_bytes())?;
    if printer.is_json() {
        printer.value(&json!({ "provider": id.to_string(), "does": told }));
    } else {
        printer.say(&format!("Registered {id}. Next: authsome login {id}"));
    }
    Ok(())
}

/// Removes the user's own definition. The bundled one of that name, if there is one, is in force
/// again.
pub(in crate::cli) fn remove(arguments: &Remove, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let (id, printer) = (&arguments.provider, context.printer);
    let file = data.home.path(&format!("providers/{id}.json"));
    let is_bundled = Catalog::new(None).get(id).is_ok();
    if !file.exists() {
        let message = if is_bundled {
            format!("the definition of {id} comes with authsome, and stays")
        } else {
            format!("there is no definition of {id}")
        };
        let hint = "see what there is: authsome list";
        return Err(Failure::new(
            Exit::NoProvider,
            "provider_not_found",
            message,
            hint,
        ));
    }
    let mut own = data.store.list()?;
    own.retain(|known| known.provider == *id);
    if !own.is_empty() && !is_bundled {
        let names: Vec<_> = own.iter().map(ToString::to_string).collect();
        let verb = if own.len() == 1 { "is" } else { "are" };
        let names = names.join(" and ");
        let message = format!("{names} {verb} made with it, and of no use without");
        let commands = own.iter().map(|known| format!("authsome revoke {known}"));
        let commands: Vec<_> = commands.collect();
        let hint = format!(
            "{} (or logout, which keeps the grant at the provider)",
            commands.join("; ")
        );
        return Err(Failure::new(
            Exit::ConnectionExists,
            "provider_in_use",
            message,
            hint,
        ));
    }
    fs::remove_file(&file)?;
    if printer.is_json() {
        printer.value(&json!({ "provider": id.to_string(), "bundled": is_bundled }));
    } else if is_bundled {
        printer.say(&format!(
            "Removed. The definition of {id} is the one that comes with authsome."
        ));
    } else {
        printer.say(&format!("Removed the definition of {id}."));
    }
    Ok(())
}

fn unconfirmed() -> Failure {
    let message = "nobody is there to say yes to this definition";
    let hint = format!("read it first, then: {}", typed_command_with("--yes"));
    Failure::new(Exit::Usage, "usage", message, hint)
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |error: io::Error| {
        let message = format!("cannot read {}: {error}", file.display());
        let hint = "authsome register FILE, or - for standard input";
        Failure::new(Exit::Usage, "usage", message, hint)
    };
    let mut text = String::new();
    if file.as_os_str() == "-" {
        let stdin = io::stdin().lock();
        stdin
            .take(MAX_DEFINITION)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    } else {
        let found = File::open(file).map_err(unreadable)?;
        found
            .take(MAX_DEFINITION)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    }
    Ok(text)
}

/// What a definition will send where.
pub(in crate::cli) fn what_it_does(definition: &Definition) -> Vec<String> {
    let provider = &definition.provider;
    let service = provider.at(None);
    let mut lines = vec![format!("{} ({})", provider.display_name, provider.id)];
    match &service {
        Ok(service) => {
            let hosts = hosts(definition, service);
            let shapes: Vec<_> = service.rules.shapes().iter().map(shape_words).collect();
            lines.push(format!("  sends the credential to: {}", hosts.join(", ")));
            lines.push(format!("  as: {}", shapes.join("; ")));
        }
        Err(_) => {
            lines.push("  sends the credential to: the server that --base-url names".to_owned());
        }
    }
    if let Auth::OAuth2(_) = &provider.auth
        && let Ok(sign_in) = provider.sign_in_at(None)
        && let Some(oauth) = &sign_in.oauth
    {
        let authorization = oauth.authorization.as_ref();
        let consent = authorization.map_or_else(|| "-".to_owned(), ToString::to_string);
        let written = |name, url| as_written(definition, name).unwrap_or(url);
        let consent = written("/oauth/authorization_url", consent);
        let token = written("/oauth/token_url", oauth.token.to_string());
        lines.push(format!("  asks for consent at: {consent}"));
        lines.push(format!("  gets tokens from: {token}"));
        lines.push(format!("  with the scopes: {}", oauth.scopes.join(" ")));
    }
    if let Auth::ApiKey(key) = &provider.auth
        && let Some(exchange) = &key.exchange
    {
        lines.push(format!("  exchanges it for a token at: {}", exchange.url));
    }
    let variables = provider.export.iter().map(|export| export.variable.clone());
    let variables: Vec<_> = variables.chain(provider.placeholders.clone()).collect();
    lines.push(format!("  sets in a run: {}", variables.join(", ")));
    let guards = provider.guards().len();
    lines.push(format!("  denies {guards} kinds of requests"));
    lines
}

/// Where the credential goes. What only the login names stands there as it is written: an example
/// would look like the place itself.
fn hosts(definition: &Definition, service: &Service) -> Vec<String> {
    let is_open = |text: &str| text.contains('{');
    let json = definition.json();
    let urls = match &json["api_url"] {
        Value::Array(urls) => urls.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    if urls.iter().any(|url| is_open(url)) {
        return urls.into_iter().map(str::to_owned).collect();
    }
    service.routes.iter().map(ToString::to_string).collect()
}

/// A URL of the definition, if the login names a part of it.
fn as_written(definition: &Definition, pointer: &str) -> Option<String> {
    let json = definition.json();
    let url = json.pointer(pointer)?.as_str()?;
    url.contains('{').then(|| url.to_owned())
}

fn shape_words(shape: &Shape) -> String {
    match shape {
        Shape::Basic { username, .. } => format!("HTTP Basic, user {username}"),
        Shape::Bearer => "Authorization: Bearer …".to_owned(),
        Shape::Header { name, prefix } => format!("{name}: {prefix}…"),
        Shape::Headers { values } => {
            let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
            format!("the fields {}", names.join(", "))
        }
        Shape::Path { prefix } => format!("the path, after {prefix}"),
        Shape::Query { values } => {
            let names: Vec<_> = values.iter().map(|(name, _)| name.as_str()).collect();
            format!("the query, as {}", names.join(", "))
        }
        _ => "an AWS signature".to_owned(),
    }
}
