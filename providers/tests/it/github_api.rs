//! Tests the bundled definitions of GitHub against the endpoints of GitHub's API, for each of which
//! there is the expected verdict.

use authsome_providers::{Catalog, Service};

/// Method, path and the rule that denies it.
type Row = (&'static str, &'static str, Option<&'static str>);

fn rows() -> Vec<Row> {
    let lines = include_str!("github_api.tsv").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| match *line.split('\t').collect::<Vec<_>>() {
        [method, path, "allowed"] => (method, path, None),
        [method, path, verdict] => (
            method,
            path,
            Some(verdict.strip_prefix("guarded:").unwrap()),
        ),
        _ => panic!("{line}"),
    };
    lines.map(row).collect()
}

/// github.com and an instance, with the host and the prefix of the API of each.
fn places(name: &str) -> [(Service, &'static str, &'static str); 2] {
    let definition = Catalog::new(None).get(&name.parse().unwrap()).unwrap();
    let instance = "https://github.acme.com".parse().unwrap();
    let at = |base| definition.provider.at(base).unwrap();
    [
        (at(None), "api.github.com", ""),
        (at(Some(&instance)), "github.acme.com", "/api/v3"),
    ]
}

#[test]
fn every_endpoint_gets_its_verdict() {
    let rows = rows();
    assert!(rows.len() > 1000, "{}", rows.len());
    for name in ["github", "github-token"] {
        for (service, host, prefix) in places(name) {
            let denies = |method: &str, path: &str| {
                let rule = service.rules.guard(host, method, path);
                rule.map(|rule| rule.name.clone())
            };
            for (method, path, rule) in &rows {
                let path = format!("{prefix}{}", path.replace("{}", "8"));
                let found = denies(method, &path);
                assert_eq!(found.as_deref(), *rule, "{host}: {method} {path}");
                // A POST is taken for a PATCH.
                let patched = *method == "PATCH" && rule.is_some();
                assert!(!patched || denies("POST", &path).is_some(), "{path}");
            }
        }
    }
}

/// A repository, an organization and a user can have any name; only where nothing else is meant is
/// one denied.
#[test]
fn names_of_repositories_deny_nothing() {
    for (service, host, prefix) in places("github") {
        for path in [
            "/repos/secrets/variables",
            "/repos/hooks/keys/issues",
            "/repos/o/runners/pulls/7",
            "/repos/o/n/contents/actions/secrets",
            "/repos/o/n/issues/7/comments",
            "/repos/o/n/git/refs",
            "/orgs/codespaces/repos",
            "/users/tokens",
            "/search/code",
            "/gists",
        ] {
            let path = format!("{prefix}{path}");
            for method in ["GET", "POST", "PATCH"] {
                assert!(
                    service.rules.guard(host, method, &path).is_none(),
                    "{method} {path}"
                );
            }
        }
    }
}
