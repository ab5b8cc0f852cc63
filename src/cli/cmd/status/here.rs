//! The run that this process belongs to.

use serde_json::{Value, json};

use crate::cli::log_words;
use crate::cli::printer::Printer;
use crate::session::Facts;

pub(super) fn value(id: &str, facts: &Facts) -> Value {
    json!({
        "run": id,
        "pid": facts.pid,
        "since": facts.since,
        "policy": if facts.denies_other_hosts { "deny" } else { "allow" },
        "allows_export": facts.allows_export,
        "places": facts.places,
        "unnamed_places": facts.unnamed_places,
        "guards": facts.guards,
        "rules": facts.rules,
    })
}

pub(super) fn show(id: &str, facts: &Facts, printer: &Printer) {
    let since = log_words::moment(&facts.since);
    printer.line(&format!("This is inside run {id}, since {since}."));
    let mut rows = vec![
        ["PLACE", "GETS THE CREDENTIAL OF"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for place in &facts.places {
        let gets = match place.connections.as_slice() {
            [one] => one.clone(),
            several => format!("none: denied, as {} match alike", several.join(" and ")),
        };
        rows.push(vec![place.place.clone(), gets]);
    }
    if facts.places.is_empty() {
        printer.line("No place gets a credential.");
    } else {
        printer.table(&rows);
    }
    if facts.unnamed_places > 0 {
        printer.line(&format!("and {} more places", facts.unnamed_places));
    }
    printer.line(if facts.denies_other_hosts {
        "All other hosts are denied (--policy deny)."
    } else {
        "All other hosts are reached without a credential."
    });
    let rules = facts.rules.iter();
    let rules: Vec<_> = rules
        .map(|rule| vec![format!("  {} {}", rule.rule, rule.value), rule.by.clone()])
        .collect();
    if !rules.is_empty() {
        printer.line("The policy of this run:");
    }
    printer.table(&rules);
    if !facts.guards.is_empty() {
        printer.line("Guard rules deny:");
    }
    let rules = facts.guards.iter();
    let rows: Vec<_> = rules
        .map(|guard| vec![format!("  {}", guard.rule), guard.reason.clone()])
        .collect();
    printer.table(&rows);
    printer.line("");
}
