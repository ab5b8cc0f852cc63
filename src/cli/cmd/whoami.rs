//! `authsome whoami`.

use serde_json::{Value, json};

use super::cell;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::env::env_vars::{MASTER_KEY, MASTER_KEY_FILE};
use crate::session::Parent;

pub(in crate::cli) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    let mut accounts = Vec::new();
    for id in data.store.list()? {
        accounts.push(match data.store.load(&id) {
            Ok(Some(stored)) => account(&stored.connection),
            Ok(None) => continue,
            // A damaged record must not hide the others.
            Err(error) => json!({
                "connection": id.to_string(),
                "account": null,
                "base_url": null,
                "status": "error",
                "error": Failure::from(error).message,
            }),
        });
    }
    let home = data.home.root().display().to_string();
    let named = [MASTER_KEY, MASTER_KEY_FILE];
    let named = named
        .into_iter()
        .find(|name| std::env::var_os(name).is_some());
    let key = match named {
        Some(name) => name.to_owned(),
        None => data.key_origin(&Parent::of_this_process())?.to_string(),
    };
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "home": home, "master_key": key, "accounts": accounts }));
        return Ok(());
    }
    let mut rows = vec![
        vec!["home".to_owned(), home],
        vec!["master key".to_owned(), key],
    ];
    rows.extend(accounts.iter().map(row));
    for error in accounts.iter().filter_map(|entry| entry["error"].as_str()) {
        printer.warn(error);
    }
    printer.table(&rows);
    if accounts.is_empty() {
        printer.say("No account is connected yet. Next: authsome login gitlab");
    }
    Ok(())
}

fn account(connection: &Connection) -> Value {
    json!({
        "connection": connection.id.to_string(),
        "account": connection.account.as_ref().map(|account| json!({ "id": account.id, "label": account.label })),
        "base_url": connection.base_url.as_ref().map(ToString::to_string),
        "status": connection.status(Timestamp::now()).to_string(),
    })
}

fn row(account: &Value) -> Vec<String> {
    let status = cell(&account["status"]);
    let who = if account["error"].is_null() {
        let said = ["account", "base_url"].map(|name| &account[name]);
        match said.map(|value| (!value.is_null()).then(|| cell(value))) {
            [Some(who), Some(place)] => format!("{who} at {place}, {status}"),
            [Some(who), None] => format!("{who}, {status}"),
            [None, Some(place)] => format!("at {place}, {status}"),
            [None, None] => status,
        }
    } else {
        status
    };
    vec![cell(&account["connection"]), who]
}
