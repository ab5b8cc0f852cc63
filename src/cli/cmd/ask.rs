//! `authsome ask`: the requests of all runs that wait for the user's yes, and the answer to one.

use serde_json::{Value, json};

use super::cell;
use crate::cli::args::{Ask, AskWhat};
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::os::home::Home;
use crate::session::control::{ControlClient, ControlClientError};
use crate::session::{living, set_unasked};
use crate::text::with_causes;

/// A request that waits, and its run.
struct Waiting {
    run: String,
    request: Value,
}

pub(in crate::cli) fn run(arguments: Ask, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let home = Context::user_files()?.home;
    let runtime = Context::runtime()?;
    let waiting = runtime.block_on(all(&home, printer));
    match arguments.what.unwrap_or(AskWhat::List) {
        AskWhat::List => {
            list(&waiting, printer);
            Ok(())
        }
        AskWhat::Show { id } => {
            show(named(&waiting, &id)?, printer);
            Ok(())
        }
        AskWhat::Allow { id, run, always } => {
            let one = named(&waiting, &id)?;
            if always {
                spare(one, &home, printer)?;
            }
            let answer = if run || always { "run" } else { "once" };
            runtime.block_on(decide(one, &home, answer, ""))?;
            said(one, "allowed", printer);
            Ok(())
        }
        AskWhat::Deny { id, reason } => {
            let one = named(&waiting, &id)?;
            runtime.block_on(decide(one, &home, "no", &reason.join(" ")))?;
            said(one, "denied", printer);
            Ok(())
        }
    }
}

/// What waits in all runs. One that does not respond is told.
async fn all(home: &Home, printer: &Printer) -> Vec<Waiting> {
    let mut all = Vec::new();
    for run in living(home) {
        match ControlClient::call(home, &run, &json!({ "do": "waiting" })).await {
            Ok(mut told) => {
                let requests = told["waiting"].take();
                let requests = requests.as_array().cloned().unwrap_or_default();
                let of_run = requests.into_iter().map(|request| Waiting {
                    run: run.clone(),
                    request,
                });
                all.extend(of_run);
            }
            Err(error) => printer.warn(&format!("{run}: {}", with_causes(&error))),
        }
    }
    all
}

fn list(waiting: &[Waiting], printer: &Printer) {
    if printer.is_json() {
        let values = waiting.iter().map(|one| {
            let mut value = one.request.clone();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("run".to_owned(), one.run.clone().into());
            }
            value
        });
        printer.value(&json!({ "waiting": values.collect::<Vec<_>>() }));
        return;
    }
    if waiting.is_empty() {
        printer.say("Nothing waits.");
        return;
    }
    let mut rows = vec![
        ["ID", "FOR", "RUN", "REQUEST", "WHY"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for Waiting { run, request } in waiting {
        let field = |name: &str| cell(&request[name]);
        rows.push(vec![
            field("id"),
            field("kind"),
            run.clone(),
            format!("{} {}{}", field("method"), field("host"), field("path")),
            field("reason"),
        ]);
    }
    printer.table(&rows);
}

fn show(one: &Waiting, printer: &Printer) {
    let request = &one.request;
    if printer.is_json() {
        printer.value(request);
        return;
    }
    let query = request["query"].as_str().map(|query| format!("?{query}"));
    let field = |name: &str| cell(&request[name]);
    let url = format!(
        "https://{}{}{}",
        field("host"),
        field("path"),
        query.unwrap_or_default()
    );
    let rows = [
        ("request", format!("{} {url}", field("method"))),
        ("connection", field("connection")),
        ("run", one.run.clone()),
        ("why", field("reason")),
        ("until", field("until")),
        ("sha256", field("sha256")),
    ];
    let rows: Vec<_> = rows.map(|(name, text)| vec![name.to_owned(), text]).into();
    printer.table(&rows);
    for program in request["programs"].as_array().into_iter().flatten() {
        printer.line(&format!("  by {}", cell(program)));
    }
    let body = &request["body"];
    if let Some(text) = body["text"].as_str().filter(|text| !text.is_empty()) {
        printer.line("");
        for line in text.lines() {
            printer.line(line);
        }
        if body["is_whole"] != true {
            let (shown, length) = (cell(&body["shown"]), cell(&body["length"]));
            printer.line(&format!(
                "({shown} bytes of {length}; the rest is not read yet)"
            ));
        }
    }
}

/// The request with that ID.
fn named<'a>(waiting: &'a [Waiting], id: &str) -> Result<&'a Waiting, Failure> {
    let mut found = waiting.iter().filter(|one| {
        let of_run = id
            .split_once(':')
            .is_some_and(|(run, own)| one.run == run && one.request["id"] == own);
        of_run || one.request["id"] == id
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(_)) => {
            let message = format!("requests of several runs have the ID {id}");
            let hint = format!("name the run as well, for example {}:{id}", one.run);
            Err(Failure::new(Exit::Usage, "usage", message, &hint))
        }
        (None, _) => {
            let message = format!("no request with the ID {id} waits any more");
            let hint = "see what waits: authsome ask";
            Err(Failure::new(
                Exit::NoConnection,
                "not_waiting",
                message,
                hint,
            ))
        }
    }
}

/// The exception that spares such requests as this one, which waits, the wait.
pub(in crate::cli) fn exception_of(home: &Home, run: &str, id: &str) -> Result<String, Failure> {
    let request = json!({ "do": "waiting" });
    let told = Context::runtime()?.block_on(ControlClient::call(home, run, &request));
    let told = told.map_err(|error| undecided(&with_causes(&error)))?;
    let requests = told["waiting"].as_array().into_iter().flatten();
    let mut named = requests.filter(|request| request["id"] == id);
    let exception = named
        .next()
        .and_then(|request| request["exception"].as_str());
    let exception = exception.ok_or_else(|| undecided("it does not wait any more"))?;
    Ok(exception.to_owned())
}

/// Writes the exception for such requests to `config.toml`, and shows it.
fn spare(one: &Waiting, home: &Home, printer: &Printer) -> Result<(), Failure> {
    let Some(rule) = one.request["exception"].as_str() else {
        return Err(undecided("it waits for a login, not for a decision"));
    };
    if set_unasked(home, rule)? {
        printer.say("In config.toml, for the runs from now on:");
        printer.say("  [policy]");
        printer.say(&format!("  + unasked_paths = [{rule:?}]"));
    }
    Ok(())
}

async fn decide(one: &Waiting, home: &Home, answer: &str, reason: &str) -> Result<(), Failure> {
    let request = json!({
        "do": "decide",
        "id": one.request["id"],
        "answer": answer,
        "reason": reason,
    });
    let told = ControlClient::call(home, &one.run, &request).await;
    told.map(drop).map_err(|error| match error {
        ControlClientError::Refused { message, .. } => undecided(&message),
        error @ ControlClientError::Unreachable(_) => undecided(&with_causes(&error)),
    })
}

fn undecided(why: &str) -> Failure {
    let message = format!("that is not decided: {why}");
    let hint = "see what waits: authsome ask";
    Failure::new(Exit::NoConnection, "not_decided", message, hint)
}

fn said(one: &Waiting, done: &str, printer: &Printer) {
    let (id, method) = (cell(&one.request["id"]), cell(&one.request["method"]));
    if printer.is_json() {
        printer.value(&json!({ "id": id, "run": one.run, "answer": done }));
        return;
    }
    let path = cell(&one.request["path"]);
    printer.say(&format!("{method} {path} is {done}."));
}
