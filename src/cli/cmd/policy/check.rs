//! `authsome policy check`: what a run would do with a request, and why.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::PolicyCheck;
use crate::cli::cmd::run::permitting;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::notices::tell;
use crate::cli::printer::Printer;
use crate::proxy::{Foreseen, Imagined, NoRequest, Outcome};
use crate::session::{Notice, Parent, PolicyFile, Session, SessionError, SettingsError};

/// The name of standard input.
const STDIN: &str = "-";

pub(in crate::cli) fn run(arguments: PolicyCheck, context: &Context<'_>) -> Result<u8, Failure> {
    let printer = context.printer;
    let (file, method, url) = arguments.words();
    let request = Imagined::new(method, url).map_err(|error| unfit(error, method, url))?;
    let read = file
        .map(read)
        .transpose()
        .map_err(SessionError::PolicyFile)?;
    let mut options = permitting(arguments.choice, arguments.permits);
    options.policy.read.extend(read);
    let parent = Parent::of_this_process();
    let data = Context::user_data_of(&parent)?;
    let notify = |notice: Notice| tell(notice, printer);
    let plan = Session::plan(options, &data, &parent, &notify)?;
    let foreseen = plan.dry_run().foresee(&request);
    if printer.is_json() {
        printer.value(&value(&foreseen));
    } else {
        show(&foreseen, printer);
    }
    Ok(match foreseen.outcome {
        Outcome::Denied(_) => Exit::NoProvider as u8,
        _ => Exit::Ok as u8,
    })
}

fn read(file: &str) -> Result<PolicyFile, SettingsError> {
    if file == STDIN {
        return PolicyFile::read_from(io::stdin().lock(), Path::new("standard input"));
    }
    PolicyFile::read(Path::new(file))
}

fn unfit(error: NoRequest, method: &str, url: &str) -> Failure {
    let word = match error {
        NoRequest::Method => method,
        NoRequest::Url => url,
    };
    let hint = "authsome policy check [FILE] METHOD URL, for example: authsome policy check GET https://gitlab.com/api/v4/user";
    Failure::new(Exit::Usage, "usage", format!("{word:?}: {error}"), hint)
}

/// The name of an outcome in JSON; for what the log knows, the name that it has there.
fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Injected => "injected",
        Outcome::Passed => "passed",
        Outcome::Forwarded => "forwarded",
        Outcome::Redirected(_) => "redirected",
        Outcome::Denied(_) => "denied",
    }
}

fn value(foreseen: &Foreseen) -> Value {
    let denied = match &foreseen.outcome {
        Outcome::Denied(by) => Some(by),
        _ => None,
    };
    let location = match &foreseen.outcome {
        Outcome::Redirected(location) => Some(location),
        _ => None,
    };
    json!({
        "outcome": name(&foreseen.outcome),
        "connection": foreseen.connection.as_ref().map(ToString::to_string),
        "depends_on": foreseen.depends_on.map(crate::proxy::DependsOn::name),
        "location": location,
        "status": denied.map(|by| by.status),
        "error": denied.map(|by| by.code),
        "rule": denied.and_then(|by| by.rule.as_ref()),
        "reason": denied.map(|by| &by.reason),
        "hint": denied.map(|by| &by.hint),
    })
}

fn show(foreseen: &Foreseen, printer: &Printer) {
    let connection = foreseen.connection.as_ref().map(ToString::to_string);
    let whose = connection.as_deref().unwrap_or("no connection");
    let says = match &foreseen.outcome {
        Outcome::Injected => format!("it gets the credential of {whose}"),
        Outcome::Passed => {
            format!("it goes to a host of your connections without a credential ({whose})")
        }
        Outcome::Forwarded => "its host belongs to no connection: it goes there unread".to_owned(),
        Outcome::Redirected(url) => {
            format!("git is told where the repository is over HTTPS: {url}")
        }
        Outcome::Denied(by) => by.reason.clone(),
    };
    let mut rows = vec![[name(&foreseen.outcome).to_owned(), says]];
    if let Some(depends) = foreseen.depends_on {
        rows.push(["depends on".to_owned(), depends.to_string()]);
    }
    if let Outcome::Denied(by) = &foreseen.outcome {
        rows.extend(connection.map(|id| ["connection".to_owned(), id]));
        rows.extend(by.rule.clone().map(|rule| ["rule".to_owned(), rule]));
        rows.push(["response".to_owned(), format!("{} {}", by.status, by.code)]);
        rows.push(["hint".to_owned(), by.hint.clone()]);
    }
    let rows: Vec<_> = rows.into_iter().map(|row| row.to_vec()).collect();
    printer.table(&rows);
}
