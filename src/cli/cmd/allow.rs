//! `authsome allow` and `authsome deny`: the guard rules that the user lifts.

use std::collections::HashSet;

use authsome_providers::{Catalog, GuardRule, ProviderId};
use serde_json::{Value, json};

use crate::cli::args::Rule;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::session::{UserFiles, set_allowed};

/// A guard rule and the provider whose definition has it.
#[derive(Clone)]
struct Guard {
    provider: ProviderId,
    rule: GuardRule,
}

impl Guard {
    fn name(&self) -> String {
        format!("{}/{}", self.provider, self.rule.name)
    }

    fn methods(&self) -> String {
        match self.rule.methods.as_slice() {
            _ if self.rule.graphql.is_some() => "GraphQL".to_owned(),
            [] => "any method".to_owned(),
            methods => methods.join(","),
        }
    }
}

pub(in crate::cli) fn run(
    arguments: &Rule,
    is_allowed: bool,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let files = Context::user_files()?;
    let guards = guards(&files.catalog);
    let Some(wanted) = &arguments.rule else {
        show(&guards, &files, context);
        return Ok(());
    };
    let of_provider: Vec<_> = guards
        .iter()
        .filter(|guard| guard.provider.as_str() == wanted)
        .cloned()
        .collect();
    if !of_provider.is_empty() {
        show(&of_provider, &files, context);
        return Ok(());
    }
    let name = name_of(wanted, &guards, &files.settings.allowed_guards())
        .map_err(|wrong| wrong.failure(wanted, is_allowed))?;
    let has_changed = set_allowed(&files.home, &name, is_allowed)?;
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "rule": name, "allowed": is_allowed, "changed": has_changed }));
        return Ok(());
    }
    let state = if is_allowed { "allowed" } else { "denied" };
    if has_changed {
        printer.say(&format!("{name} is {state} from the next run on."));
    } else {
        printer.say(&format!("{name} is {state} already."));
    }
    let of_rule = guards.iter().filter(|guard| guard.name() == name);
    for guard in of_rule {
        let (methods, path) = (guard.methods(), guard.rule.path());
        printer.say(&format!("  {methods} {path}: {}", guard.rule.reason));
    }
    Ok(())
}

/// The whole name of a guard rule, and what it denies, in words.
pub(super) fn described(wanted: &str, files: &UserFiles) -> Result<(String, Vec<String>), Failure> {
    let guards = guards(&files.catalog);
    let name = name_of(wanted, &guards, &files.settings.allowed_guards())
        .map_err(|wrong| wrong.failure(wanted, true))?;
    let of_rule = guards.iter().filter(|guard| guard.name() == name);
    let words = of_rule.map(|guard| {
        let (methods, path) = (guard.methods(), guard.rule.path());
        format!("{methods} {path}: {}", guard.rule.reason)
    });
    let words = words.collect();
    Ok((name, words))
}

/// All rules of all definitions that can be used. One name may stand for several of them.
fn guards(catalog: &Catalog) -> Vec<Guard> {
    let usable = catalog.list().into_iter().filter_map(|listed| {
        let provider = listed.definition.ok()?.provider;
        let rules = provider.guards().to_vec();
        Some(rules.into_iter().map(move |rule| Guard {
            provider: listed.id.clone(),
            rule,
        }))
    });
    usable.flatten().collect()
}

/// Why a name says no rule.
enum NoRule {
    Unknown,
    /// These are all meant by it, each with its provider.
    Several(Vec<String>),
}

impl NoRule {
    fn failure(self, wanted: &str, is_allowed: bool) -> Failure {
        match self {
            Self::Unknown => {
                let message = format!("no definition has a guard rule '{wanted}'");
                let hint = "see all rules: authsome allow";
                Failure::new(Exit::Usage, "rule_not_found", message, hint)
            }
            Self::Several(names) => {
                let verb = if is_allowed { "allow" } else { "deny" };
                let message = format!("several providers have a rule '{wanted}'");
                let commands = names.iter().map(|name| format!("authsome {verb} {name}"));
                let hint = commands.collect::<Vec<_>>().join(" or: ");
                Failure::new(Exit::Usage, "usage", message, hint)
            }
        }
    }
}

/// The rule's name as `config.toml` has it. The provider may be left out where that is clear.
fn name_of(wanted: &str, guards: &[Guard], lifted: &HashSet<String>) -> Result<String, NoRule> {
    let is_it = |name: &str| name == wanted || name.split('/').nth(1) == Some(wanted);
    let names = guards.iter().map(Guard::name);
    // A rule that the definition no longer has can still be removed from the file.
    let names = names.chain(lifted.iter().cloned());
    let mut found: Vec<_> = names.filter(|name| is_it(name)).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [name] => Ok(name.clone()),
        [] => Err(NoRule::Unknown),
        _ => Err(NoRule::Several(found)),
    }
}

fn show(guards: &[Guard], files: &UserFiles, context: &Context<'_>) {
    let lifted = files.settings.allowed_guards();
    let state = |guard: &Guard| {
        if lifted.contains(&guard.name()) {
            "allowed"
        } else {
            "denied"
        }
    };
    let printer = context.printer;
    if printer.is_json() {
        let rules = guards.iter().map(|guard| {
            json!({
                "rule": guard.name(),
                "allowed": lifted.contains(&guard.name()),
                "methods": guard.rule.methods,
                "path": guard.rule.path(),
                "reason": guard.rule.reason,
            })
        });
        printer.value(&json!({ "rules": rules.collect::<Vec<Value>>() }));
        return;
    }
    let mut rows = vec![
        ["RULE", "STATE", "WHAT IT DENIES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for guard in guards {
        // One name may stand for several requests, which are similar.
        if rows
            .last()
            .is_none_or(|row| row.first() != Some(&guard.name()))
        {
            let row = [&guard.name(), state(guard), guard.rule.reason.as_str()];
            rows.push(row.map(str::to_owned).to_vec());
        }
    }
    printer.table(&rows);
    printer.say("Each with its requests: authsome allow --json");
}
