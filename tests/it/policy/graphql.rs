//! What GraphQL documents may do: the definition's guard, and a run that may only read.

use crate::kit::Setup;
use crate::kit::client::fetch;

fn document(text: &str) -> String {
    serde_json::json!({ "query": text }).to_string()
}

#[test]
fn what_reveals_or_mints_a_credential_is_denied_by_its_name() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/graphql", gitlab.base_url());
    let variables = "{ p: project(fullPath: \"g/p\") { ...F } } fragment F on Project { secrets: ciVariables { nodes { key value } } }";
    let json = "Content-Type: application/json";
    for version in ["--http1.1", "--http2"] {
        for (text, field) in [
            (variables, "ciVariables"),
            (
                "mutation { runnerCreate(input: {}) { runner { id } } }",
                "runnerCreate",
            ),
        ] {
            gitlab.clear_seen();
            let words = [version, "-H", json, "-d", &document(text), &url];
            let told = fetch(&world, &[], &words).expect_ours(403, "denied");
            assert!(told["message"].as_str().unwrap().contains(field), "{told}");
            assert!(
                told["hint"]
                    .as_str()
                    .unwrap()
                    .contains("authsome allow gitlab/"),
                "{told}"
            );
            assert!(gitlab.seen().is_empty(), "{text}");
        }
        gitlab.clear_seen();
        let text = "query { project(fullPath: \"g/p\") { issues { nodes { title } } } }";
        let words = [version, "-H", json, "-d", &document(text), &url];
        let response = fetch(&world, &[], &words);
        assert_eq!(
            response.header("authsome-error"),
            None,
            "{}",
            response.text()
        );
        assert_eq!(gitlab.seen().len(), 1);
    }
}

#[test]
fn a_rule_of_a_document_is_lifted_like_any_other() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/graphql", gitlab.base_url());
    let text = document("{ project(fullPath: \"g/p\") { ciVariables { nodes { key } } } }");
    let words = ["-H", "Content-Type: application/json", "-d", &text, &url];
    let told = fetch(&world, &[], &words).expect_ours(403, "denied");
    let hint = told["hint"].as_str().unwrap().to_owned();
    let rule = hint.rsplit(' ').next().unwrap();
    let response = fetch(&world, &["--allow", rule], &words);
    assert_eq!(
        response.header("authsome-error"),
        None,
        "{}",
        response.text()
    );
}

#[test]
fn what_cannot_be_read_is_not_sent() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/graphql", gitlab.base_url());
    let json = "Content-Type: application/json";
    let hash = r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#;
    let twice = r#"{"query":"{ a }","query":"mutation { b }"}"#;
    for body in [hash, twice, "{", r#"{"query":"{ a "}"#] {
        let told = fetch(&world, &[], &["-H", json, "-d", body, &url]).expect_ours(403, "denied");
        assert!(
            told["message"].as_str().unwrap().contains("cannot be told"),
            "{told}"
        );
    }
    let large = world.file(
        "large",
        &document(&format!("{{ a(b: \"{}\") }}", "x".repeat(2 << 20))),
    );
    let large = format!("@{}", large.display());
    fetch(
        &world,
        &[],
        &["-H", json, "-H", "Expect:", "--data-binary", &large, &url],
    )
    .expect_ours(403, "denied");
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_run_that_may_only_read_asks_and_does_not_change() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/graphql", gitlab.base_url());
    let json = "Content-Type: application/json";
    let query = document("query { currentUser { name } }");
    let response = fetch(&world, &["--read-only"], &["-H", json, "-d", &query, &url]);
    assert_eq!(
        response.header("authsome-error"),
        None,
        "{}",
        response.text()
    );
    gitlab.clear_seen();
    let change = document("mutation { createNote(input: {}) { note { id } } }");
    fetch(&world, &["--read-only"], &["-H", json, "-d", &change, &url]).expect_ours(403, "denied");
    assert!(gitlab.seen().is_empty());
    let batch = format!("{}/g/p.git/info/lfs/objects/batch", gitlab.base_url());
    for (operation, is_served) in [("download", true), ("upload", false)] {
        let body = format!(r#"{{"operation":"{operation}","objects":[]}}"#);
        let response = fetch(&world, &["--read-only"], &["-H", json, "-d", &body, &batch]);
        assert_eq!(
            response.header("authsome-error").is_none(),
            is_served,
            "{operation}"
        );
    }
}
