//! One file for each command. It turns flags into calls, and their results into text.

pub(super) mod allow;
pub(super) mod completions;
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
pub(super) mod revoke;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod set_default;
pub(super) mod start;
pub(super) mod status;
pub(super) mod uninstall;
pub(super) mod vault;
pub(super) mod version;
pub(super) mod whoami;

use serde_json::{Value, json};

use super::failure::Failure;
use crate::clock::Timestamp;
use crate::connection::Connection;
use authsome_providers::{Auth, Provider};

/// A connection as it is shown to the user, with every secret hidden.
fn describe(
    connection: &Connection,
    provider: &Provider,
    is_default: bool,
) -> Result<Value, Failure> {
    let service = super::context::service_of(provider, connection)?;
    let hosts: Vec<_> = service.routes.iter().map(ToString::to_string).collect();
    let tokens = &connection.tokens;
    let hidden = |present: bool| present.then_some("***");
    Ok(json!({
        "provider": connection.id.provider.to_string(),
        "connection": connection.id.name.to_string(),
        "status": connection.status(Timestamp::now()).to_string(),
        "auth_type": auth_type(provider),
        "flow": provider.flow.to_string(),
        "base_url": connection.base_url.as_ref().or(service.base_url.as_ref()).map(ToString::to_string),
        "proxy_hosts": hosts,
        "scopes": tokens.scopes,
        "account": connection.account.as_ref().map(|account| json!({ "id": account.id, "label": account.label })),
        "obtained_at": tokens.obtained_at.to_string(),
        "expires_at": tokens.expires_at.map(|end| end.to_string()),
        "is_default": is_default,
        "client_id": connection.client.client_id,
        "client_secret": hidden(connection.client.client_secret.is_some()),
        "access_token": hidden(true),
        "refresh_token": hidden(tokens.refresh.is_some()),
    }))
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
        Value::Object(account) => cell(
            account
                .get("label")
                .filter(|label| !label.is_null())
                .unwrap_or(&account["id"]),
        ),
        other => other.to_string(),
    }
}
