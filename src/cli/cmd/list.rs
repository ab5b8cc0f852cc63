//! `authsome list`.

use std::collections::BTreeSet;

use authsome_providers::{Definition, Listed};
use serde_json::{Value, json};

use super::{auth_type, cell, describe, not_read};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::session::UserData;

pub(in crate::cli) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let printer = context.printer;
    let ids = data.store.list()?;
    let catalog = data.catalog.list();
    let mut providers = Vec::new();
    for listed in &catalog {
        let own = ids.iter().filter(|id| id.provider == listed.id);
        providers.push(entry(&data, listed, own, printer)?);
    }
    // Connections whose definition no longer exists are listed too: the user may want to revoke or
    // remove them.
    let orphans: BTreeSet<_> = ids.iter().map(|id| &id.provider).collect();
    for provider in orphans {
        if !catalog.iter().any(|listed| listed.id == *provider) {
            let own = ids.iter().filter(|id| id.provider == *provider);
            let mut entry = json!({ "name": provider.to_string(), "source": null });
            entry["error"] = Value::from(format!("there is no longer a definition of {provider}"));
            entry["connections"] = Value::Array(connections(&data, None, own)?);
            providers.push(entry);
        }
    }
    for stray in data.catalog.strays() {
        printer.warn(&not_read(&stray));
    }
    if printer.is_json() {
        printer.value(&json!({ "providers": providers }));
        return Ok(());
    }
    let heads = [
        "PROVIDER",
        "SOURCE",
        "AUTH",
        "CONNECTION",
        "STATUS",
        "DEFAULT",
        "ACCOUNT",
        "AT",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for provider in &providers {
        rows.extend(rows_of(provider));
        let connections = provider["connections"].as_array().into_iter().flatten();
        for error in std::iter::once(provider)
            .chain(connections)
            .filter_map(|entry| entry["error"].as_str())
        {
            printer.warn(error);
        }
    }
    printer.table(&rows);
    Ok(())
}

fn entry<'a>(
    data: &UserData,
    listed: &Listed,
    ids: impl Iterator<Item = &'a ConnectionId>,
    printer: &Printer,
) -> Result<Value, Failure> {
    let mut entry = json!({ "name": listed.id.to_string(), "source": listed.source.to_string() });
    match &listed.definition {
        Ok(definition) => {
            for warning in &definition.warnings {
                printer.warn(&format!("{}: {warning}", listed.id));
            }
            entry["display_name"] = Value::from(definition.provider.display_name.as_str());
            entry["auth_type"] = Value::from(auth_type(&definition.provider));
            let connections = connections(data, Some(definition), ids)?;
            entry["connections"] = Value::Array(connections);
        }
        Err(error) => {
            entry["error"] = Value::from(error.to_string());
            entry["connections"] = Value::Array(connections(data, None, ids)?);
        }
    }
    Ok(entry)
}

/// Describes each connection as far as possible: one that is damaged, or has no definition, must
/// not hide the others.
fn connections<'a>(
    data: &UserData,
    definition: Option<&Definition>,
    ids: impl Iterator<Item = &'a ConnectionId>,
) -> Result<Vec<Value>, Failure> {
    let mut described = Vec::new();
    for id in ids {
        let is_default = data.store.default_of(&id.provider)?.as_ref() == Some(&id.name);
        let whole = match (data.store.load(id), definition) {
            (Ok(Some(stored)), Some(definition)) => {
                describe(&stored.connection, definition, is_default)
            }
            (Ok(Some(stored)), None) => {
                let status = stored.connection.status(Timestamp::now()).to_string();
                let name = id.name.to_string();
                described.push(
                    json!({ "connection": name, "status": status, "is_default": is_default }),
                );
                continue;
            }
            (Ok(None), _) => continue,
            (Err(error), _) => Err(error.into()),
        };
        described.push(whole.unwrap_or_else(|failure| {
            let name = id.name.to_string();
            json!({ "connection": name, "is_default": is_default, "status": "error", "error": failure.message })
        }));
    }
    Ok(described)
}

fn rows_of(provider: &Value) -> Vec<Vec<String>> {
    let head = [
        &provider["name"],
        &provider["source"],
        &provider["auth_type"],
    ]
    .map(cell)
    .to_vec();
    let connections = provider["connections"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if connections.is_empty() {
        let state = if provider["error"].is_null() {
            "-"
        } else {
            "definition has an error"
        };
        return vec![[head, vec!["-".to_owned(), state.to_owned()]].concat()];
    }
    let row = |connection: &Value| {
        let is_default = if connection["is_default"] == true {
            "yes"
        } else {
            "-"
        };
        let tail = [
            cell(&connection["connection"]),
            cell(&connection["status"]),
            is_default.to_owned(),
        ];
        let place = [cell(&connection["account"]), cell(&connection["base_url"])];
        [head.clone(), tail.to_vec(), place.to_vec()].concat()
    };
    connections.iter().map(row).collect()
}
