//! `authsome stop`: ends a run from outside.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::args::Stop;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::os::home::Home;
use crate::session::control::{ControlClient, ControlClientError};
use crate::session::{allows_export, living};
use crate::text::with_causes;

/// How long a run may take, after its command has ended or was killed, to hand over new pairs.
const CLOSING: Duration = Duration::from_secs(30);

/// How often it is looked whether a run is still there.
const LOOK: Duration = Duration::from_millis(50);

pub(in crate::cli) fn run(arguments: &Stop, context: &Context<'_>) -> Result<(), Failure> {
    let home = Context::user_files()?.home;
    let id = named(&home, &arguments.run)?;
    let runtime = Context::runtime()?;
    let grace = Duration::from_secs(arguments.grace.into());
    runtime.block_on(stop(&home, &id, grace))?;
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "run": id, "stopped": true }));
    } else {
        printer.say(&format!("Run {id} has ended."));
    }
    Ok(())
}

/// Ends the run with that ID, and waits until it has.
pub(super) async fn stop(home: &Home, id: &str, grace: Duration) -> Result<(), Failure> {
    let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    let request = json!({ "do": "stop", "grace_ms": grace_ms });
    let asked = ControlClient::call(home, id, &request).await;
    match asked {
        Ok(_) => {}
        Err(_) if allows_export(home, id).is_none() => return Ok(()), // it has ended by itself
        Err(error) => return Err(refused(id, &error)),
    }
    let begun = Instant::now();
    while allows_export(home, id).is_some() {
        if begun.elapsed() > grace + CLOSING {
            let message = format!("run {id} was asked to end, and has not");
            let hint = "see its process: authsome ps";
            return Err(Failure::new(
                Exit::Unexpected,
                "run_not_stopped",
                message,
                hint,
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn refused(id: &str, error: &ControlClientError) -> Failure {
    let message = format!("run {id} cannot be stopped: {}", with_causes(error));
    let hint = "end its process: kill PID, with the PID that authsome ps shows";
    Failure::new(Exit::Unexpected, "run_not_stopped", message, hint)
}

/// The living run whose ID begins so.
fn named(home: &Home, beginning: &str) -> Result<String, Failure> {
    let all = living(home);
    if all.iter().any(|id| id == beginning) {
        return Ok(beginning.to_owned());
    }
    let found: Vec<_> = all.iter().filter(|id| id.starts_with(beginning)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let message = format!("no run that is alive is called {beginning}");
            let hint = "see those that are: authsome ps";
            Err(Failure::new(
                Exit::NoConnection,
                "run_not_found",
                message,
                hint,
            ))
        }
        _ => {
            let message = format!("several runs begin with {beginning}");
            let hint = "type more of the ID: authsome ps";
            Err(Failure::new(Exit::Usage, "usage", message, hint))
        }
    }
}
