//! What commands print about connections: tables, JSON, and what they say beside it.

use std::fs;

use authsome::connection::{Connection, GrantState};
use authsome::oauth::Account;
use authsome_test_support::{FakeGitLab, assert_words};
use serde_json::json;

use super::{Scrub, transcript};
use crate::kit::{Setup, World, id};

/// Connections in each state, definitions that are right, wrong, empty and gone.
fn furnished() -> (World, FakeGitLab) {
    let Setup { world, gitlab, .. } = Setup::connected();
    let base = gitlab.base_url();
    change(&world, "default", |connection| {
        connection.account = Some(Account {
            id: "7".to_owned(),
            label: Some("ada".to_owned()),
        });
    });
    for (name, lifetime) in [("dead", 7200), ("old", 0)] {
        world.connect_as(name, &gitlab, &base, lifetime);
    }
    change(&world, "dead", |connection| {
        connection.standing = GrantState::NeedsLogin {
            reason: "the grant was revoked".to_owned(),
            since: connection.tokens.obtained_at,
            access_ended: true,
        };
    });
    change(&world, "old", |_| {});
    // Of a provider whose definition is gone.
    let mut gone = world.stored("default");
    gone.id.provider = "acme".parse().unwrap();
    gone.terms = None;
    world.store().create(&gone, true).unwrap();
    custom(&world, "broken", "{}");
    custom(&world, "empty", "");
    (world, gitlab)
}

fn change(world: &World, name: &str, change: impl FnOnce(&mut Connection)) {
    let mut connection = world.store().load(&id(name)).unwrap().unwrap().connection;
    change(&mut connection);
    "Application-1".clone_into(&mut connection.client.as_mut().unwrap().client_id);
    world.store().create(&connection, true).unwrap();
}

fn custom(world: &World, name: &str, text: &str) {
    fs::create_dir_all(world.home().join("providers")).unwrap();
    world.file(&format!("home/providers/{name}.json"), text);
}

#[test]
fn of_a_home_where_nothing_is() {
    let world = World::new();
    let text = transcript(
        &world,
        &[
            &["list"],
            &["list", "--json"],
            &["whoami"],
            &["whoami", "--json"],
            &["log"],
            &["log", "--json"],
        ],
    );
    assert_words!("data", "nothing", text, &Scrub::of(&world).pairs());
}

#[test]
fn list() {
    let (world, _gitlab) = furnished();
    let text = transcript(&world, &[&["list"], &["list", "--json"]]);
    assert_words!("data", "list", text, &Scrub::of(&world).pairs());
}

#[test]
fn whoami() {
    let (world, _gitlab) = furnished();
    let text = transcript(&world, &[&["whoami"], &["whoami", "--json"]]);
    assert_words!("data", "whoami", text, &Scrub::of(&world).pairs());
}

#[test]
fn get() {
    let (world, _gitlab) = furnished();
    let dead = ["get", "gitlab", "--connection", "dead"];
    let fields = [
        "account",
        "client_secret",
        "expires_at",
        "is_default",
        "proxy_hosts",
        "refresh_token",
        "scopes",
        "status",
    ];
    let fields = fields.map(|field| ["get", "gitlab", "--field", field]);
    let as_json = ["account", "client_secret", "is_default", "scopes"];
    let as_json = as_json.map(|field| ["get", "gitlab", "--json", "--field", field]);
    let mut commands: Vec<&[&str]> = vec![&["get", "gitlab"], &["get", "gitlab", "--json"], &dead];
    commands.extend(fields.iter().map(<[&str; 4]>::as_slice));
    commands.extend(as_json.iter().map(<[&str; 5]>::as_slice));
    let text = transcript(&world, &commands);
    assert_words!("data", "get", text, &Scrub::of(&world).pairs());
}

#[test]
fn secrets_that_are_asked_for() {
    let Setup {
        world, app, pair, ..
    } = Setup::connected();
    let text = transcript(
        &world,
        &[
            &["export", "gitlab"],
            &["export", "gitlab", "--format", "shell"],
            &["export", "gitlab", "--format", "json"],
            &["export", "gitlab", "--json"],
            &["token", "gitlab"],
            &["token", "gitlab", "--format", "json"],
            &["token", "gitlab", "--format", "exec"],
            &["get", "gitlab", "--show-secret"],
            &["get", "gitlab", "--show-secret", "--field", "access_token"],
        ],
    );
    let scrub = Scrub::of(&world)
        .and(&pair.access, "[ACCESS TOKEN]")
        .and(&pair.refresh, "[REFRESH TOKEN]")
        .and(&app.client_id, "Application-1");
    assert_words!("data", "secrets", text, &scrub.pairs());
}

#[test]
fn changes() {
    let Setup { world, gitlab, .. } = Setup::connected();
    for name in ["home", "play", "work"] {
        world.connect_as(name, &gitlab, &gitlab.base_url(), 7200);
    }
    let named = |command, name| [command, "gitlab", "--connection", name, "--json"];
    let text = transcript(
        &world,
        &[
            &["set-default", "gitlab", "work"],
            &["set-default", "gitlab", "home", "--json"],
            &["set-default", "gitlab", "home", "--quiet"],
            &["logout", "gitlab", "--connection", "play"],
            &named("logout", "work"),
            &["revoke", "gitlab"],
            &named("revoke", "default"),
        ],
    );
    assert_words!("data", "changes", text, &Scrub::of(&world).pairs());
}

#[test]
fn a_revocation_that_is_not_confirmed() {
    let Setup { world, gitlab, .. } = Setup::connected();
    world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    gitlab.refuse(true); // its port stays held, so nobody else answers there
    let text = transcript(
        &world,
        &[
            &["revoke", "gitlab", "--json"],
            &["revoke", "gitlab", "--connection", "work"],
        ],
    );
    assert_words!(
        "data",
        "revoke_unconfirmed",
        text,
        &Scrub::of(&world).pairs()
    );
}

#[test]
fn definitions_that_are_odd() {
    let Setup { world, .. } = Setup::connected();
    let mut definition = world.call(["inspect", "gitlab"]).expect(0).json();
    definition["frobnicate"] = json!(1);
    definition["oauth"]["tokn_url"] = json!("/x");
    custom(&world, "gitlab", &definition.to_string());
    custom(&world, "acme", "");
    custom(&world, "broken", "{\n  \"name\": \"broken\",\n  oops\n}");
    let quiet = |words: &[&str]| {
        let outcome = world.call(words);
        super::shown(
            words,
            &crate::kit::Outcome {
                stdout: String::new(),
                ..outcome
            },
        )
    };
    // The definition itself is in providers/bundled.
    let text = quiet(&["inspect", "gitlab"])
        + &quiet(&["inspect", "acme"])
        + &transcript(
            &world,
            &[
                &["inspect", "broken"],
                &["inspect", "broken", "--json"],
                &["get", "gitlab", "--field", "status"],
            ],
        );
    assert_words!("data", "definitions", text, &Scrub::of(&world).pairs());
}
