//! `authsome doctor`: looks for what could keep authsome from working, and says what mends it.

mod clients;
mod finding;
mod fleet;
mod machine;
mod servers;

use serde_json::json;

use self::finding::{Finding, Health};

use crate::cli::args::Doctor;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::session::Parent;

pub(in crate::cli) fn run(arguments: &Doctor, context: &Context<'_>) -> Result<(), Failure> {
    let parent = Parent::of_this_process();
    let mut findings = machine::findings(&parent);
    match Context::user_data_of(&parent) {
        Ok(data) => {
            findings.push(Finding::good("vault", data.vault_place(&parent)?));
            findings.extend(fleet::findings(&data, &parent));
            findings.extend(servers::findings(&data)?);
            if arguments.clients {
                findings.extend(clients::findings(&data)?);
            }
        }
        Err(failure) => findings.push(Finding::of_failure("vault", failure)),
    }
    show(&findings, context);
    let bad = findings
        .iter()
        .filter(|finding| finding.health == Health::Bad);
    match bad.count() {
        0 => Ok(()),
        count => {
            let things = if count == 1 {
                "thing does"
            } else {
                "things do"
            };
            let message = format!("{count} {things} not work");
            let hint = "each has its remedy above";
            Err(Failure::new(Exit::Unexpected, "unhealthy", message, hint))
        }
    }
}

fn show(findings: &[Finding], context: &Context<'_>) {
    let printer = context.printer;
    if printer.is_json() {
        let findings: Vec<_> = findings.iter().map(Finding::json).collect();
        printer.value(&json!({ "findings": findings }));
        return;
    }
    let mut rows = Vec::new();
    for finding in findings {
        rows.push(vec![
            finding.health.to_string(),
            finding.subject.clone(),
            finding.words.clone(),
        ]);
        let remedy = finding.remedy.as_ref().filter(|remedy| !remedy.is_empty());
        rows.extend(remedy.map(|remedy| vec![format!("         {remedy}")]));
    }
    printer.table(&rows);
}
