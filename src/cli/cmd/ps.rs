//! `authsome ps`: the runs that are alive, as each tells about itself.

use serde_json::{Value, json};

use super::cell;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::log_words;
use crate::clock::Timestamp;
use crate::os::home::Home;
use crate::session::control::{ControlClient, ControlClientError};
use crate::session::{facts_of, living};

pub(in crate::cli) fn run(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let home = Context::user_files()?.home;
    let runtime = Context::runtime()?;
    let runs = runtime.block_on(states(&home));
    if printer.is_json() {
        let values: Vec<_> = runs.into_iter().map(|(_, state)| state).collect();
        printer.value(&json!({ "runs": values }));
        return Ok(());
    }
    if runs.is_empty() {
        printer.say("No run is alive. Those that have ended: authsome runs");
        return Ok(());
    }
    let heads = [
        "RUN", "PID", "SINCE", "INJECTED", "DENIED", "FAILED", "COMMAND",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for (id, state) in &runs {
        rows.push(row(id, state));
        if let Some(reason) = state["unreachable"].as_str() {
            printer.warn(&format!("{id}: {reason}"));
        }
        let needing = state["needs_login"].as_array().into_iter().flatten();
        for one in needing {
            let (connection, reason) = (cell(&one["connection"]), cell(&one["reason"]));
            printer.warn(&format!("{id}: {connection} needs a new login: {reason}"));
        }
    }
    printer.table(&rows);
    Ok(())
}

/// What each run that is alive tells about itself, by its ID. One that does not respond tells why,
/// and what is in its file.
pub(super) async fn states(home: &Home) -> Vec<(String, Value)> {
    let mut states = Vec::new();
    for id in living(home) {
        let state = ControlClient::call(home, &id, &json!({ "do": "state" })).await;
        let state = state.unwrap_or_else(|error| unreachable(home, &id, &error));
        states.push((id, state));
    }
    states
}

fn unreachable(home: &Home, id: &str, error: &ControlClientError) -> Value {
    let facts = facts_of(home, id);
    json!({
        "run": id,
        "since": facts.as_ref().map(|facts| &facts.since),
        "pid": facts.as_ref().map(|facts| facts.pid),
        "unreachable": crate::text::with_causes(error),
    })
}

fn row(id: &str, state: &Value) -> Vec<String> {
    let words = state["command"].as_array().into_iter().flatten();
    let words: Vec<_> = words.filter_map(Value::as_str).collect();
    let since = state["since"].as_str().unwrap_or_default();
    let since = match Timestamp::parse_since(since, Timestamp::now()) {
        Some(_) => log_words::moment(since),
        None => "-".to_owned(),
    };
    vec![
        id.to_owned(),
        cell(&state["pid"]),
        since,
        cell(&state["injected"]),
        cell(&state["denied"]),
        cell(&state["failed"]),
        if words.is_empty() {
            "-".to_owned()
        } else {
            words.join(" ")
        },
    ]
}
