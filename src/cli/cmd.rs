//! One file for each command. It turns flags into calls, and their results into text.

pub(super) mod allow;
pub(super) mod ask;
pub(super) mod completions;
pub(super) mod credential;
pub(super) mod doctor;
pub(super) mod export;
pub(super) mod get;
pub(super) mod help;
pub(super) mod inspect;
pub(super) mod list;
pub(super) mod log;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod man;
pub(super) mod policy;
pub(super) mod proxy;
pub(super) mod ps;
pub(super) mod register;
pub(super) mod revoke;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod set_default;
pub(super) mod skill;
pub(super) mod start;
pub(super) mod status;
pub(super) mod stop;
pub(super) mod token;
pub(super) mod ui;
pub(super) mod uninstall;
pub(super) mod vault;
pub(super) mod version;
pub(super) mod whoami;

use std::path::Path;

use serde_json::{Value, json};

use super::failure::Failure;
use crate::clock::Timestamp;
use crate::connection::Connection;
use authsome_providers::{Auth, Definition, Provider};

/// A connection as it is shown to the user, with every secret hidden.
fn describe(
    connection: &Connection,
    definition: &Definition,
    is_default: bool,
) -> Result<Value, Failure> {
    let provider = &definition.placed(&connection.params)?;
    let service = super::context::service_of(provider, connection)?;
    let hosts: Vec<_> = service.routes.iter().map(ToString::to_string).collect();
    let tokens = &connection.tokens;
    let client = connection.client.as_ref();
    let hidden = |present: bool| present.then_some("***");
    Ok(json!({
        "provider": connection.id.provider.to_string(),
        "connection": connection.id.name.to_string(),
        "status": connection.status(Timestamp::now()).to_string(),
        "auth_type": auth_type(provider),
        "flow": connection.flow.unwrap_or(provider.flow).to_string(),
        "base_url": connection.base_url.as_ref().or(service.base_url.as_ref()).map(ToString::to_string),
        "proxy_hosts": hosts,
        "scopes": tokens.scopes,
        "account": connection.account.as_ref().map(|account| json!({ "id": account.id, "label": account.label })),
        "obtained_at": tokens.obtained_at.to_string(),
        "expires_at": tokens.expires_at.map(|end| end.to_string()),
        "is_default": is_default,
        "params": connection.params,
        "fields": shown_fields(connection),
        "client_id": client.map(|client| &client.client_id),
        "client_secret": hidden(client.is_some_and(|client| client.client_secret.is_some())),
        "access_token": hidden(true),
        "refresh_token": hidden(tokens.refresh.is_some()),
    }))
}

/// The parts of the credential beside the key: a user name is shown, a secret is not.
fn shown_fields(connection: &Connection) -> Value {
    let fields = connection.fields.iter().map(|field| {
        let value = match field.public_value() {
            Some(value) => Value::from(value),
            None => Value::from("***"),
        };
        (field.name.clone(), value)
    });
    Value::Object(fields.collect())
}

/// What is said of a file that is no definition because of its name.
fn not_read(stray: &Path) -> String {
    format!(
        "{}: not read: name it NAME.json, in lower case",
        stray.display()
    )
}

fn auth_type(provider: &Provider) -> &'static str {
    match provider.auth {
        Auth::ApiKey(_) => "api_key",
        Auth::OAuth2(_) => "oauth2",
    }
}

/// Formats a value of a description for a table cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let named = |name| fields.get(name).filter(|value: &&Value| !value.is_null());
            match named("label").or_else(|| named("id")) {
                Some(account) => cell(account),
                None if fields.is_empty() => "-".to_owned(),
                None => {
                    let pairs = fields
                        .iter()
                        .map(|(name, value)| format!("{name}={}", cell(value)));
                    pairs.collect::<Vec<_>>().join(" ")
                }
            }
        }
        other => other.to_string(),
    }
}
