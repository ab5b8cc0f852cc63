//! The bundled definition of GitLab against the description of GitLab's API: each endpoint has a
//! verdict, and gets it.

use std::collections::BTreeSet;

use authsome_providers::{GuardRule, Service};

use crate::gitlab::service;

/// An endpoint and what is said to it.
struct Row {
    method: &'static str,
    path: &'static str,
    /// The rule that denies it.
    rule: Option<&'static str>,
}

impl Row {
    /// A request to it; its first variable segment, which is a project's mostly, is `first`, the
    /// others are `others`.
    fn path(&self, first: &str, others: &str) -> String {
        let path = self.path.replacen("{}", first, 1).replace("{}", others);
        path.replace('*', &format!("{others}/deep/{others}"))
    }
}

fn rows() -> Vec<Row> {
    let lines = include_str!("gitlab_api.tsv").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    lines.map(row).collect()
}

fn row(line: &'static str) -> Row {
    let columns: Vec<_> = line.split('\t').collect();
    let (&[method, path, verdict] | &[method, path, verdict, _]) = columns.as_slice() else {
        panic!("{line}")
    };
    let rule = verdict.strip_prefix("guarded:");
    assert!(rule.is_some() || verdict == "allowed", "{line}");
    Row { method, path, rule }
}

fn denies<'a>(service: &'a Service, method: &str, path: &str) -> Option<&'a str> {
    let rule = service.rules.guard(method, path);
    rule.map(|rule| rule.name.as_str())
}

#[test]
fn every_endpoint_gets_its_verdict() {
    let service = service(None);
    let rows = rows();
    for row in &rows {
        for first in ["7", "group%2Fsub%2Fproject.js", "self"] {
            let path = row.path(first, "8");
            let found = denies(&service, row.method, &path);
            assert_eq!(found, row.rule, "{} {path}", row.method);
        }
    }
    assert!(rows.len() > 1800, "{}", rows.len());
}

/// A branch, a file, a label, a package may have the name of what is guarded.
#[test]
fn a_name_that_a_rule_has_too_denies_nothing() {
    let service = service(None);
    let rows = rows();
    let names = service.rules.guards().iter().map(GuardRule::path);
    let names: BTreeSet<_> = names
        .filter_map(|path| {
            let name = path.rsplit('/').find(|segment| !segment.contains('*'))?;
            Some(name.to_owned())
        })
        .collect();
    assert!(names.contains("variables") && names.contains("support_pin"));
    // Denied at any depth below one place, where it is no name of anything else.
    let names: Vec<_> = names
        .iter()
        .filter(|name| *name != "direct_access")
        .collect();
    for row in rows.iter().filter(|row| row.rule.is_none()) {
        for name in &names {
            let path = row.path("7", name);
            // With such a name the path is another endpoint's, which is denied.
            let denied = |other: &Row| other.rule.is_some() && matches(other.path, &path);
            if denies(&service, row.method, &path).is_some() {
                assert!(rows.iter().any(denied), "{} {path}", row.method);
            }
        }
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(one, other)| one == "{}" || one == other)
}

/// Rails takes a POST with `X-HTTP-Method-Override`, or `_method` in its body, for a request of any
/// other method.
#[test]
fn a_post_goes_around_no_rule() {
    let service = service(None);
    for row in rows().iter().filter(|row| row.rule.is_some()) {
        let path = row.path("7", "8");
        assert!(denies(&service, "POST", &path).is_some(), "{path}");
    }
    for rule in service.rules.guards() {
        let has_post = rule.methods.iter().any(|method| method == "POST");
        assert!(rule.methods.is_empty() || has_post, "{}", rule.path());
    }
}

/// A rule that no endpoint needs is one that has a mistake in its path, or that GitLab's
/// description leaves out.
#[test]
fn every_rule_is_some_endpoints() {
    let service = service(None);
    let rows = rows();
    let mut unused: Vec<String> = Vec::new();
    for rule in service.rules.guards() {
        let pattern = rule.path();
        let is_its = |row: &Row| {
            row.rule == Some(rule.name.as_str()) && matches_glob(&pattern, &row.path("7", "8"))
        };
        if !rows.iter().any(is_its) {
            unused.push(format!("{} {pattern}", rule.name));
        }
    }
    // Of older or newer versions; GitLab's documentation has them.
    let elsewhere = ["ssh-certificate /api/v4/admin/ssh_certificates"];
    assert_eq!(unused, elsewhere);
}

/// The globs of this definition: whole segments, and `**` for any number of them.
fn matches_glob(pattern: &str, path: &str) -> bool {
    match pattern.split_once("/**") {
        Some((before, after)) => path.starts_with(&format!("{before}/")) && path.ends_with(after),
        None => matches(&pattern.replace('*', "{}"), path),
    }
}

#[test]
fn every_reason_reads_after_because() {
    for rule in service(None).rules.guards() {
        let reason = &rule.reason;
        assert!(reason.starts_with("it "), "{}: {reason}", rule.name);
        assert!(!reason.ends_with('.') && reason.len() < 100, "{reason}");
    }
}
