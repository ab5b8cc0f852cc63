//! `authsome list`.

use authsome_providers::{Listed, Provider};
use serde_json::{Value, json};

use super::{auth_type, cell, describe};
use crate::cli::context::{Context, Estate};
use crate::cli::failure::Failure;
use crate::credential::ConnectionId;

pub(in crate::cli) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let estate = Context::estate()?;
    let ids = estate.store.list()?;
    let mut providers = Vec::new();
    for listed in estate.catalog.list() {
        let own = ids.iter().filter(|id| id.provider == listed.id);
        providers.push(entry(&estate, &listed, own)?);
    }
    let printer = context.printer;
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
        if let Some(error) = provider["error"].as_str() {
            printer.warn(error);
        }
    }
    printer.table(&rows);
    Ok(())
}

fn entry<'a>(
    estate: &Estate,
    listed: &Listed,
    ids: impl Iterator<Item = &'a ConnectionId>,
) -> Result<Value, Failure> {
    let mut entry = json!({ "name": listed.id.to_string(), "source": listed.source.to_string() });
    match &listed.definition {
        Ok(definition) => {
            entry["display_name"] = Value::from(definition.provider.display_name.as_str());
            entry["auth_type"] = Value::from(auth_type(&definition.provider));
            entry["connections"] = Value::Array(connections(estate, &definition.provider, ids)?);
        }
        Err(error) => entry["error"] = Value::from(error.to_string()),
    }
    Ok(entry)
}

fn connections<'a>(
    estate: &Estate,
    provider: &Provider,
    ids: impl Iterator<Item = &'a ConnectionId>,
) -> Result<Vec<Value>, Failure> {
    let default = estate.store.default_of(&provider.id)?;
    let mut described = Vec::new();
    for id in ids {
        if let Some(stored) = estate.store.load(id)? {
            described.push(describe(
                &stored.connection,
                provider,
                default.as_ref() == Some(&id.name),
            )?);
        }
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
