//! Errors that need a home, a vault or another process to come about.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use authsome_test_support::assert_words;
use authsome_test_support::kit::port_7998;
use serde_json::json;

use super::{Scrub, shown, transcript};
use crate::kit::{Outcome, Setup, World, id};

/// A key that is right in form: 32 bytes.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

#[test]
fn of_connections_and_providers_that_are_not_there() {
    let world = World::new();
    let text = transcript(
        &world,
        &[
            &["get", "gitlab"],
            &["get", "gitlab", "--json"],
            &["get", "gitlab", "--connection", "work"],
            &["get", "gitlb"],
            &["login", "zzz"],
            &["revoke", "gitlab"],
            &["run", "--connection", "gitlab=work", "--", "true"],
            &["run", "--json", "--only", "gitlb", "--", "true"],
        ],
    );
    assert_words!("errors", "not_found", text);
}

#[test]
fn of_a_provider_without_a_default() {
    let (world, gitlab) = Setup::unconnected();
    for name in ["default", "home", "work"] {
        world.connect_as(name, &gitlab, &gitlab.base_url(), 7200);
    }
    world.call(["logout", "gitlab"]).expect(0);
    let text = transcript(
        &world,
        &[&["get", "gitlab"], &["export", "gitlab", "--json"]],
    );
    assert_words!("errors", "no_default", text);
}

#[test]
fn of_a_master_key_that_is_wrong() {
    let Setup { world, .. } = Setup::connected();
    let keyed = |name: &str, value: &str| {
        let words = ["list"];
        let outcome = Outcome::of(world.authsome(words).env(name, value).output().unwrap());
        format!("{name}={value}\n{}", shown(&words, &outcome))
    };
    let long = world.file("long", &"x".repeat(2000)).display().to_string();
    let text = [
        keyed("AUTHSOME_MASTER_KEY", KEY),
        keyed("AUTHSOME_MASTER_KEY", "short"),
        keyed("AUTHSOME_MASTER_KEY_FILE", "/nonexistent"),
        keyed("AUTHSOME_MASTER_KEY_FILE", &long),
    ];
    fs::remove_file(world.home().join("master.key")).unwrap();
    let text = text.concat() + &transcript(&world, &[&["list"], &["run", "--", "true"]]);
    assert_words!("errors", "master_key", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_a_vault_that_is_damaged() {
    let Setup { world, .. } = Setup::connected();
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.home().join(format!("vault.db{suffix}")));
    }
    world.file("home/vault.db", "this is no vault");
    let text = transcript(&world, &[&["list"], &["get", "gitlab", "--json"]]);
    assert_words!("errors", "damaged", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_a_home_that_is_open_to_others() {
    let Setup { world, .. } = Setup::connected();
    fs::set_permissions(world.home(), Permissions::from_mode(0o755)).unwrap();
    let text = transcript(&world, &[&["list"]]);
    fs::remove_dir_all(world.home()).unwrap();
    world.file("home", "a file");
    let text = text + &transcript(&world, &[&["list", "--json"]]);
    assert_words!("errors", "home_in_use", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_settings_that_are_wrong() {
    let world = World::new();
    world.call(["list"]).expect(0);
    let wrong = |settings: &str| {
        world.file("home/config.toml", settings);
        format!("{settings}\n{}", transcript(&world, &[&["list"]]))
    };
    let text = [
        "frobnicate = 1\n",
        "[guard]\nallow = 7\n",
        "[timeouts]\nconect_seconds = 3\n",
        "[timeouts]\nconnect_seconds = 0\n",
        "[timeouts\n",
    ]
    .map(wrong);
    let text = text.concat() + &transcript(&world, &[&["inspect", "gitlab", "--json"]]);
    assert_words!("errors", "settings", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_what_a_login_is_given() {
    let world = World::new();
    let key = "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n";
    let other = "-----BEGIN PUBLIC KEY-----\naGVsbG8=\n-----END PUBLIC KEY-----\n";
    let half = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n";
    let wrong = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let files = [
        ("empty.pem", ""),
        ("half.pem", half),
        ("key.pem", key),
        ("other.pem", other),
        ("text.pem", "hello\n"),
        ("wrong.pem", wrong),
    ];
    let mut text = String::new();
    for (name, content) in files {
        world.file(name, content);
    }
    for name in files
        .map(|(name, _)| name)
        .into_iter()
        .chain(["missing.pem"])
    {
        let file = world.path(name).display().to_string();
        text += &transcript(&world, &[&["login", "gitlab", "--ca-file", &file]]);
    }
    let binary = fs::File::create(world.path("binary"));
    binary.unwrap().write_all(&[0xff, 0xfe]).unwrap();
    for name in ["missing", "binary"] {
        let file = world.path(name).display().to_string();
        let words = [
            "login",
            "gitlab",
            "--client-id",
            "x",
            "--client-secret-file",
        ];
        text += &transcript(&world, &[&[&words[..], &[&file]].concat()]);
    }
    assert_words!("errors", "login_given", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_a_provider_that_is_not_connected_by_oauth() {
    let world = World::new();
    world.call(["list"]).expect(0);
    let definition = json!({
        "schema_version": 1, "name": "acme", "display_name": "Acme", "auth_type": "api_key", "api_url": "api.acme.com",
    });
    fs::create_dir_all(world.home().join("providers")).unwrap();
    world.file("home/providers/acme.json", &definition.to_string());
    let text = transcript(
        &world,
        &[
            &["login", "acme"],
            &["login", "acme", "--base-url", "https://acme.com"],
        ],
    );
    assert_words!("errors", "not_oauth", text);
}

#[test]
fn of_a_connection_that_is_there() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let base = gitlab.base_url();
    let text = transcript(&world, &[&["login", "gitlab", "--base-url", &base]]);
    assert_words!("errors", "exists", text);
}

#[test]
fn of_a_port_that_is_taken() {
    let world = World::new();
    let _turn = port_7998();
    let _taken = TcpListener::bind("127.0.0.1:7998").unwrap();
    let words = ["login", "gitlab", "--client-id", "x", "--no-browser"];
    let text = transcript(&world, &[&words]);
    let pid = std::process::id().to_string();
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    let scrub = Scrub::of(&world)
        .and(&format!("kill {pid}"), "kill [PID]")
        .and(name.trim(), "[PROGRAM]");
    assert_words!("errors", "port_taken", text, &scrub.pairs());
}

#[test]
fn of_a_credential_that_cannot_be_renewed() {
    let (world, gitlab) = Setup::unconnected();
    for name in ["default", "lost"] {
        world.connect_as(name, &gitlab, &gitlab.base_url(), 0);
    }
    let mut lost = world.store().load(&id("lost")).unwrap().unwrap().connection;
    lost.tokens.refresh = None;
    world.store().create(&lost, true).unwrap();
    gitlab.refuse(true);
    let text = transcript(
        &world,
        &[
            &["export", "gitlab"],
            &["export", "gitlab", "--connection", "lost", "--json"],
            &["token", "gitlab/lost"],
        ],
    );
    assert_words!("errors", "not_renewed", text, &Scrub::of(&world).pairs());
}

#[test]
fn of_data_that_cannot_be_written() {
    let world = World::new();
    let words = ["list"];
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let outcome = Outcome::of(world.authsome(words).stdout(full).output().unwrap());
    assert_words!("errors", "output", shown(&words, &outcome));
}
