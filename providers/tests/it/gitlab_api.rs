//! Tests the bundled definition of GitLab against the description of GitLab's API, which has the
//! expected verdict for each endpoint.

use std::collections::BTreeSet;

use authsome_providers::{GuardRule, Service};

use crate::gitlab::service;

/// An endpoint and its verdict.
struct Row {
    method: &'static str,
    path: &'static str,
    /// The rule that denies the endpoint.
    rule: Option<&'static str>,
}

impl Row {
    /// A request path for the endpoint. Its first variable segment, usually a project, is `first`;
    /// the others are `others`.
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

/// The rules that deny paths; the others look into GraphQL documents, or at what else a request
/// sends.
fn by_path(service: &Service) -> impl Iterator<Item = &GuardRule> {
    let rules = service.rules.guards().iter();
    rules.filter(|rule| rule.is_by_path())
}

fn denies<'a>(service: &'a Service, method: &str, path: &str) -> Option<&'a str> {
    let rule = service.rules.guard("gitlab.test", method, path);
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

/// A branch, a file, a label or a package may have the name of a guarded endpoint.
#[test]
fn a_name_that_a_rule_has_too_denies_nothing() {
    let service = service(None);
    let rows = rows();
    let names = by_path(&service).map(GuardRule::path);
    let names: BTreeSet<_> = names
        .filter_map(|path| {
            let name = path.rsplit('/').find(|segment| !segment.contains('*'))?;
            Some(name.to_owned())
        })
        .collect();
    assert!(names.contains("variables") && names.contains("support_pin"));
    // This name is guarded at any depth below one path, where nothing else can have it.
    let names: Vec<_> = names
        .iter()
        .filter(|name| *name != "direct_access")
        .collect();
    for row in rows.iter().filter(|row| row.rule.is_none()) {
        for name in &names {
            let path = row.path("7", name);
            // With this name, the path may be that of another endpoint, which is denied.
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

/// Rails treats a POST with `X-HTTP-Method-Override`, or with `_method` in its body, as a request
/// with that method (HTTP method override).
#[test]
fn a_post_goes_around_no_rule() {
    let service = service(None);
    for row in rows().iter().filter(|row| row.rule.is_some()) {
        let path = row.path("7", "8");
        assert!(denies(&service, "POST", &path).is_some(), "{path}");
    }
    for rule in by_path(&service) {
        let has_post = rule.methods.iter().any(|method| method == "POST");
        assert!(rule.methods.is_empty() || has_post, "{}", rule.path());
    }
}

/// A rule without an endpoint has a mistake in its path, or GitLab's description leaves its
/// endpoint out.
#[test]
fn every_rule_is_some_endpoints() {
    let service = service(None);
    let rows = rows();
    let mut unused: Vec<String> = Vec::new();
    for rule in by_path(&service) {
        let pattern = rule.path();
        let is_its = |row: &Row| {
            row.rule == Some(rule.name.as_str()) && matches_glob(&pattern, &row.path("7", "8"))
        };
        if !rows.iter().any(is_its) {
            unused.push(format!("{} {pattern}", rule.name));
        }
    }
    // Endpoints of older or newer versions, from GitLab's documentation.
    let elsewhere = ["ssh-certificate /api/v4/admin/ssh_certificates"];
    assert_eq!(unused, elsewhere);
}

/// Matches the globs that this definition uses: whole segments, and `**` for any number of
/// segments.
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
