//! What `authsome run` says about its session, before the command, beside it and at its end.

use std::fs;

use authsome::connection::GrantState;
use authsome_test_support::assert_words;
use serde_json::json;

use super::{Scrub, shown, transcript};
use crate::kit::{Outcome, Setup, World, binary};

#[test]
fn of_a_session_without_connections() {
    let world = World::new();
    let text = transcript(
        &world,
        &[
            &["run", "--", "true"],
            &["run", "--quiet", "--", "true"],
            &["run", "--no-env", "EDITOR", "--", "true"],
        ],
    );
    assert_words!("session", "no_connection", text);
}

#[test]
fn of_a_command_that_cannot_be_started() {
    let Setup { world, .. } = Setup::connected();
    let directory = world.path("").display().to_string();
    let text = transcript(
        &world,
        &[
            &["run", "--", "no-such-command"],
            &["run", "--json", "--", "no-such-command"],
            &["run", "--", &directory],
        ],
    );
    assert_words!("session", "not_started", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_connections_that_need_something() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let (base, other) = (gitlab.base_url(), gitlab.base_url_at("127.0.0.1"));
    // Two alike at one host, neither the default; one that is dead; one at a server in clear.
    world.connect_as("dead", &gitlab, &other, 7200);
    let mut dead = world.stored("dead");
    dead.standing = GrantState::NeedsLogin {
        reason: "the grant was revoked".to_owned(),
        since: dead.tokens.obtained_at,
        access_ended: true,
    };
    world.store().create(&dead, true).unwrap();
    world.connect_as("home", &gitlab, &base, 7200);
    world.call(["logout", "gitlab"]).expect(0);
    world.connect_as("work", &gitlab, &base, 7200);
    world.connect_as("clear", &gitlab, "http://127.0.0.1:8080", 7200);
    world.call(["set-default", "gitlab", "clear"]).expect(0);
    let text = transcript(&world, &[&["run", "--", "true"]]);
    assert_words!("session", "connections", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_a_connection_that_takes_no_part() {
    let Setup { world, .. } = Setup::connected();
    fs::create_dir_all(world.home().join("providers")).unwrap();
    world.file("home/providers/gitlab.json", "{}");
    let text = transcript(&world, &[&["run", "--", "true"]]);
    assert_words!("session", "no_part", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_a_definition_that_is_another_since_the_login() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let bundled = world.call(["inspect", "gitlab"]).expect(0).json();
    let write = |definition: &serde_json::Value| {
        fs::create_dir_all(world.home().join("providers")).unwrap();
        world.file("home/providers/gitlab.json", &definition.to_string());
    };
    let mut text = String::new();
    let mut changed = bundled.clone();
    changed["display_name"] = json!("Our GitLab");
    write(&changed);
    text += &run_after("another name", &world);
    changed["guard"] = json!([]);
    write(&changed);
    text += &run_after("no guards", &world);
    // Another host counts where the definition is that of the connection's own instance.
    changed["oauth"]["base_url"] = json!(gitlab.base_url());
    changed["api_url"] = json!(["/", "https://files.acme.com"]);
    write(&changed);
    text += &run_after("one more host", &world);
    write(&bundled);
    world.file(
        "home/config.toml",
        "[guard]\nallow = [\"gitlab/deploy-key\"]\n",
    );
    text += &run_after("a guard allowed", &world);
    assert_words!("session", "made_with", text, &Scrub::of(&world).pairs());
}

/// What a run says, under the words for what was changed.
fn run_after(change: &str, world: &World) -> String {
    format!("{change}\n{}", transcript(world, &[&["run", "--", "true"]]))
}

#[test]
fn of_variables_and_places() {
    let Setup { world, pair, .. } = Setup::connected();
    let words = ["run", "--", "true"];
    let with = |variables: &[(&str, &str)]| {
        let mut command = world.authsome(words);
        command.envs(variables.iter().copied());
        shown(&words, &Outcome::of(command.output().unwrap()))
    };
    let open = world.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let open = open.display().to_string();
    let text = [
        format!(
            "a secret in a variable\n{}",
            with(&[("MY_TOKEN", &pair.access)])
        ),
        format!(
            "TMPDIR is not there\n{}",
            with(&[("TMPDIR", "/nonexistent")])
        ),
        format!("TMPDIR is open to others\n{}", with(&[("TMPDIR", &open)])),
        format!(
            "memory that can be read\n{}",
            with(&[("AUTHSOME_READABLE_MEMORY", "1")])
        ),
        format!(
            "SSL_CERT_FILE is not there\n{}",
            with(&[
                ("SSL_CERT_FILE", "/nonexistent"),
                ("SSL_CERT_DIR", "/nonexistent")
            ])
        ),
    ];
    assert_words!(
        "session",
        "surroundings",
        text.concat(),
        &Scrub::of(&world).pairs()
    );
}

#[test]
fn in_detail() {
    let Setup { world, .. } = Setup::connected();
    let text = transcript(&world, &[&["run", "--verbose", "--", "true"]]);
    let files = text
        .split("files in ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .unwrap();
    let scrub = Scrub::of(&world).and(files, "[DIRECTORY]");
    assert_words!("session", "verbose", text, &scrub.pairs());
}

/// Inside of a run, what prints or changes a secret is refused.
#[test]
fn of_commands_inside_of_a_run() {
    let Setup { world, .. } = Setup::connected();
    let inner: [&[&str]; 8] = [
        &["export", "gitlab"],
        &["token", "gitlab"],
        &["credential", "git", "get"],
        &["get", "gitlab", "--show-secret", "--json"],
        &["login", "gitlab"],
        &["logout", "gitlab"],
        &["revoke", "gitlab"],
        &["run", "--allow-export", "--", "true"],
    ];
    let binary = binary().display().to_string();
    let mut text = String::new();
    for words in inner {
        let command = [&["run", "--", &binary], words].concat();
        let outcome = world.call(&command);
        text += &shown(words, &outcome);
    }
    assert_words!("session", "inside", text, &Scrub::of(&world).pairs());
}
