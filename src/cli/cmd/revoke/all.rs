//! `authsome revoke --all`: everything ends, as far as it can be ended from here, and what could
//! not is said.
//!
//! The runs end first: a refresh of theirs could otherwise put a new pair where a revoked one was.
//! A grant that is revoked at its provider is dead on every machine, so this reaches further than
//! this home. A key stays good.

use std::time::Duration;

use serde_json::json;

use super::one::{Revoked, revoke};
use crate::cli::cmd::stop::stop;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::credential::ConnectionId;
use crate::session::{UserData, living};

/// How long the commands of the runs have to end by themselves: who revokes everything is in a
/// hurry.
const GRACE: Duration = Duration::from_secs(2);

/// What was done.
#[derive(Default)]
struct Done {
    stopped: Vec<String>,
    running: Vec<(String, String)>,
    revoked: Vec<Revoked>,
    kept: Vec<(ConnectionId, String)>,
}

pub(super) fn run(context: &Context<'_>) -> Result<u8, Failure> {
    let mut done = Done::default();
    let home = Context::user_files()?.home;
    let runtime = Context::runtime()?;
    for id in living(&home) {
        match runtime.block_on(stop(&home, &id, GRACE)) {
            Ok(()) => done.stopped.push(id),
            Err(failure) => done.running.push((id, failure.message)),
        }
    }
    drop(runtime);
    let data = Context::user_data()?;
    for id in data.store.list()? {
        match revoke_readable(&data, &id) {
            Ok(revoked) => done.revoked.push(revoked),
            Err(failure) => done.kept.push((id, failure.message)),
        }
    }
    done.tell(context.printer)
}

/// Revokes a connection. One that cannot be read is forgotten at least.
fn revoke_readable(data: &UserData, id: &ConnectionId) -> Result<Revoked, Failure> {
    let failure = match revoke(data, id) {
        Ok(revoked) => return Ok(revoked),
        Err(failure) => failure,
    };
    data.store.delete(id)?;
    Ok(Revoked {
        id: id.clone(),
        is_key: false,
        failed: Some(failure.message),
    })
}

impl Done {
    fn tell(&self, printer: &Printer) -> Result<u8, Failure> {
        let is_whole = self.running.is_empty()
            && self.kept.is_empty()
            && self.revoked.iter().all(|one| one.failed.is_none());
        if printer.is_json() {
            let running = self.running.iter();
            let running = running.map(|(id, reason)| json!({ "run": id, "reason": reason }));
            let kept = self.kept.iter().map(|(id, reason)| {
                json!({ "connection": id.to_string(), "revoked_at_provider": false,
                    "removed_locally": false, "reason": reason })
            });
            let all = self.revoked.iter().map(Revoked::value).chain(kept);
            printer.value(&json!({
                "complete": is_whole,
                "stopped": self.stopped,
                "running": running.collect::<Vec<_>>(),
                "connections": all.collect::<Vec<_>>(),
            }));
        } else {
            self.say(printer);
        }
        if is_whole {
            return Ok(Exit::Ok as u8);
        }
        if printer.is_json() {
            return Ok(Exit::Credential as u8);
        }
        let message = "not everything could be ended; what could not is said above";
        let hint = "end it on the service's own page: its applications, or its keys";
        Err(Failure::new(
            Exit::Credential,
            "not_all_revoked",
            message,
            hint,
        ))
    }

    fn say(&self, printer: &Printer) {
        for id in &self.stopped {
            printer.say(&format!("Run {id} has ended."));
        }
        for (_, reason) in &self.running {
            printer.warn(reason);
        }
        for one in &self.revoked {
            let id = &one.id;
            match &one.failed {
                None => printer.say(&format!("Revoked {id} at the provider and forgot it here.")),
                Some(_) if one.is_key => printer.warn(&format!(
                    "{id} is a key, forgotten here and still good: delete it on the service's page"
                )),
                Some(reason) => printer.warn(&format!(
                    "{id} is forgotten here, and the provider did not confirm that its grant has ended: {reason}"
                )),
            }
        }
        for (id, reason) in &self.kept {
            printer.warn(&format!("{id} could not be ended, not even here: {reason}"));
        }
        if self.stopped.is_empty() && self.revoked.is_empty() && self.kept.is_empty() {
            printer.say("Nothing is connected, and no run is alive.");
        }
    }
}
