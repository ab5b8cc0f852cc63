//! What cannot work says so at once, with exit code 9 and the next step, and changes nothing.

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::{Fleet, KEY};
use crate::kit::{Outcome, World};

fn list(machine: &World, url: &str, key: Option<&str>) -> Outcome {
    let mut command = machine.authsome(["list", "--json"]);
    command.env("AUTHSOME_VAULT", url);
    command.envs(key.map(|key| ("AUTHSOME_MASTER_KEY", key)));
    Outcome::of(command.output().unwrap())
}

/// Fails the test unless it is refused with these words.
#[track_caller]
fn refused(outcome: Outcome, words: &str) {
    let outcome = outcome.expect(9);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains(words), "{said}");
    assert!(said.contains("hint"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn an_address_that_is_wrong_is_told() {
    let machine = World::new();
    for (url, words) in [
        ("mysql://db/grants", "does not start with postgres://"),
        (
            "postgres://me:hunter2@db:port/grants",
            "it is not postgres://",
        ),
        (
            "postgres://me@db.test/grants?sslmode=disable",
            "in the clear",
        ),
        (
            "postgres://me@db.test/grants?sslmode=require",
            "whom to trust",
        ),
        (
            "postgres://me:hunter2@127.0.0.1:1/grants",
            "cannot be reached",
        ),
        (
            "postgres://me@127.0.0.1/grants?passwordfile=/nowhere",
            "/nowhere cannot be read",
        ),
    ] {
        refused(list(&machine, url, Some(KEY)), words);
    }
    let outcome = list(&machine, "postgres://me@127.0.0.1:1/grants", None);
    refused(outcome, "no key is given");
    assert!(!machine.home().join("master.key").exists());
}

#[test]
fn a_database_a_role_or_a_key_that_is_wrong_changes_nothing() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let machine = World::new();
    refused(
        list(&machine, &server.url("nowhere"), Some(KEY)),
        "refuses the login",
    );
    let fleet = Fleet::on(server);
    let as_other = fleet.url.replace("postgres@", "stranger@");
    server.sql("postgres", "CREATE ROLE stranger LOGIN");
    refused(list(&machine, &as_other, Some(KEY)), "may not do that");
    fleet.connect(&FakeGitLab::start(), 7200);
    let content = || server.sql(fleet.database(), "SELECT * FROM authsome.record");
    let before = content();
    let other_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    refused(
        list(&machine, &fleet.url, Some(other_key)),
        "is not the key of this vault",
    );
    refused(list(&machine, &fleet.url, Some("short")), "is not 32 bytes");
    refused(list(&machine, &as_other, Some(KEY)), "may not do that");
    let later = "UPDATE authsome.vault SET readable_by = 2, version = 2";
    server.sql(fleet.database(), later);
    refused(list(&machine, &fleet.url, Some(KEY)), "schema version 2");
    // A later version that this one can still use, in a rolling upgrade.
    server.sql(
        fleet.database(),
        "UPDATE authsome.vault SET readable_by = 1",
    );
    list(&machine, &fleet.url, Some(KEY)).expect(0);
    assert_eq!(content(), before);
}

#[test]
fn an_identity_of_age_is_a_key() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, machine) = (Fleet::on(server), World::new());
    let identity = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let file = machine.file("key.txt", &format!("# created: today\n{identity}\n"));
    let with_file = || {
        let mut command = machine.authsome(["list"]);
        command.env("AUTHSOME_VAULT", &fleet.url);
        Outcome::of(
            command
                .env("AUTHSOME_MASTER_KEY_FILE", &file)
                .output()
                .unwrap(),
        )
    };
    with_file().expect(0);
    with_file().expect(0);
    list(&machine, &fleet.url, Some(identity)).expect(0);
    refused(
        list(&machine, &fleet.url, Some(KEY)),
        "is not the key of this vault",
    );
}

#[test]
fn config_toml_names_the_vault_but_no_password() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, machine) = (Fleet::on(server), World::new());
    let call = || {
        let mut command = machine.authsome(["vault", "status", "--json"]);
        Outcome::of(command.env("AUTHSOME_MASTER_KEY", KEY).output().unwrap())
    };
    call().expect(0);
    machine.file("home/config.toml", &format!("vault = \"{}\"\n", fleet.url));
    let status = call().expect(0).json();
    assert!(status["vault"].as_str().unwrap().starts_with("postgres://"));
    let with_password = fleet.url.replace("postgres@", "postgres:hunter2@");
    machine.file(
        "home/config.toml",
        &format!("vault = \"{with_password}\"\n"),
    );
    let outcome = call();
    assert_ne!(outcome.code, Some(0));
    assert!(!outcome.stdout.contains("hunter2") && !outcome.stderr.contains("hunter2"));
}
