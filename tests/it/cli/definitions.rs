//! Definitions of the user's own.

use std::fs;

use serde_json::json;

use crate::kit::World;
use crate::kit::commands::{connected, custom, failure};

#[test]
fn a_custom_definition_wins() {
    let world = World::new();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["display_name"] = json!("Our GitLab");
    custom(&world, "gitlab", &format!("// ours\n{definition}"));
    let listed = world.call(["list", "--json"]).expect(0).json();
    assert_eq!(listed["providers"].as_array().unwrap().len(), 1);
    assert_eq!(crate::kit::gitlab_in(&listed)["source"], "custom");
    assert_eq!(crate::kit::gitlab_in(&listed)["display_name"], "Our GitLab");
    assert!(
        world
            .call(["list"])
            .expect(0)
            .stdout
            .contains("gitlab    custom")
    );
}

#[test]
fn an_unknown_field_warns_and_is_kept() {
    let (world, ..) = connected();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["frobnicate"] = json!(1);
    definition["oauth"]["tokn_url"] = json!("/x");
    custom(&world, "gitlab", &definition.to_string());
    for words in [&["get", "gitlab"][..], &["inspect", "gitlab"], &["list"]] {
        let outcome = world.call(words).expect(0);
        for field in ["frobnicate", "oauth.tokn_url"] {
            let warned = outcome
                .stderr
                .lines()
                .any(|line| line.starts_with("warning:") && line.contains(field));
            assert!(
                warned,
                "{words:?} does not warn of {field}: {:?}",
                outcome.stderr
            );
        }
    }
    assert_eq!(
        world.call(["inspect", "gitlab"]).expect(0).json()["frobnicate"],
        1
    );
}

#[test]
fn a_wrong_definition_is_named_with_file_field_and_reason() {
    let (world, ..) = connected();
    let bundled = world.call(["inspect", "gitlab"]).expect(0).json();
    for (field, value, named) in [
        ("auth_type", json!("oauth9"), "auth_type"),
        ("display_name", json!(7), "display_name"),
        ("name", json!("github"), "name"),
        ("api_url", json!("http://gitlab.com"), "api_url"),
        ("oauth", json!(null), "oauth"),
        ("schema_version", json!(99), "schema_version"),
    ] {
        let mut definition = bundled.clone();
        definition[field] = value;
        let path = custom(&world, "gitlab", &definition.to_string());
        // What only shows something goes on with the bundled one.
        for words in [
            &["get", "gitlab"][..],
            &["login", "gitlab"],
            &["inspect", "gitlab"],
        ] {
            let outcome = match words[0] {
                "login" => failure(&world, words, 4, "definition_invalid"),
                _ => world.call(words).expect(0),
            };
            for told in [&path, &format!("`{named}")] {
                assert!(outcome.stderr.contains(told), "{field}: {}", outcome.stderr);
            }
        }
    }
}

#[test]
fn a_definition_that_is_no_json_is_named_with_its_line() {
    let world = World::new();
    world.call(["list"]).expect(0);
    for text in [
        "{\n \"name\": \"gitlab\",\n oops\n}",
        "[]",
        "{",
        "\u{0}\u{1}",
    ] {
        let path = custom(&world, "gitlab", text);
        let outcome = failure(&world, &["login", "gitlab"], 4, "definition_invalid");
        assert!(
            outcome.stderr.contains(&path),
            "{text:?}: {}",
            outcome.stderr
        );
    }
    custom(&world, "gitlab", "{\n \"name\": \"gitlab\",\n oops\n}");
    let outcome = failure(&world, &["login", "gitlab"], 4, "definition_invalid");
    assert!(outcome.stderr.contains("line 3"), "{}", outcome.stderr);
}

#[test]
fn list_works_beside_a_wrong_definition_and_tells_of_it() {
    let (world, ..) = connected();
    let path = custom(&world, "acme", "{}");
    let outcome = world.call(["list"]).expect(0);
    assert!(outcome.stdout.contains("gitlab") && outcome.stdout.contains("connected"));
    assert!(
        outcome.stdout.contains("acme") && outcome.stderr.contains(&path),
        "{}",
        outcome.stderr
    );
    let listed = world.call(["list", "--json"]).expect(0).json();
    assert!(
        crate::kit::gitlab_in(&listed)["error"]
            .as_str()
            .unwrap()
            .contains(&path)
    );
    assert_eq!(
        listed["providers"][1]["connections"][0]["status"],
        "connected"
    );
}

#[test]
fn list_works_though_a_connection_no_longer_fits_its_definition() {
    let (world, ..) = connected();
    // Fixed endpoints: the connection's base URL has no place any more.
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    for (name, path) in [
        ("authorization_url", "authorize"),
        ("token_url", "token"),
        ("revocation_url", "revoke"),
    ] {
        definition["oauth"][name] = json!(format!("https://gitlab.com/oauth/{path}"));
    }
    definition["oauth"]
        .as_object_mut()
        .unwrap()
        .remove("base_url");
    definition["api_url"] = json!("https://gitlab.com");
    for field in ["applications_url", "account"] {
        definition.as_object_mut().unwrap().remove(field);
    }
    custom(&world, "gitlab", &definition.to_string());
    world.call(["inspect", "gitlab"]).expect(0);
    let outcome = world.call(["list"]).expect(0);
    assert!(
        outcome.stdout.contains("gitlab") && outcome.stdout.contains("default"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_connection_whose_definition_is_gone_is_still_listed_and_can_be_forgotten() {
    let (world, gitlab, ..) = connected();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["name"] = json!("acme");
    let path = custom(&world, "acme", &definition.to_string());
    let mut connection = world.stored("default");
    connection.id.provider = "acme".parse().unwrap();
    world.store().create(&connection, true).unwrap();
    assert_eq!(
        world
            .call(["get", "acme", "--field", "status"])
            .expect(0)
            .stdout
            .trim(),
        "connected"
    );
    fs::remove_file(path).unwrap();
    let listed = world.call(["list"]).expect(0);
    assert!(
        listed.stdout.contains("acme"),
        "the grant is still there: {}",
        listed.stdout
    );
    world.call(["revoke", "acme"]).expect(0);
    assert_eq!(gitlab.revocations(), 1);
}
