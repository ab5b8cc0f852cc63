//! A vault or a master key that is not right.

use std::process::Command;

use crate::kit::commands::{connected, failure, file, files, put, remove};
use crate::kit::{Outcome, Setup, World};

/// A key that is right in form: 32 bytes.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

#[test]
fn a_wrong_master_key_is_9_and_harms_nothing() {
    let (world, ..) = connected();
    let before = files(&world);
    put(&world, "master.key", KEY.as_bytes());
    let outcome = failure(&world, &["list"], 9, "vault_unavailable");
    assert!(
        outcome.stderr.contains("is not the key of this vault"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("master.key"), "{}", outcome.stderr);
    let by_variable = world
        .authsome(["list"])
        .env("AUTHSOME_MASTER_KEY", KEY)
        .output()
        .unwrap();
    let outcome = Outcome::of(by_variable).expect(9);
    assert!(
        outcome.stderr.contains("AUTHSOME_MASTER_KEY"),
        "{}",
        outcome.stderr
    );
    assert_eq!(file(&before, "vault.db"), file(&files(&world), "vault.db"));
    put(&world, "master.key", file(&before, "master.key"));
    world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_malformed_master_key_is_9_and_not_shown() {
    let (world, ..) = connected();
    let before = files(&world);
    let key = String::from_utf8(file(&before, "master.key").to_vec()).unwrap();
    let short = key.trim()[..40].to_owned();
    for text in [
        "",
        "\n",
        "not base64!",
        &short,
        &format!("{key}{key}"),
        "\u{fffd}",
    ] {
        put(&world, "master.key", text.as_bytes());
        let outcome = failure(&world, &["list"], 9, "vault_unavailable");
        assert!(
            outcome.stderr.contains("32 bytes"),
            "{text:?}: {}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains(&short));
        let by_variable = world
            .authsome(["list"])
            .env("AUTHSOME_MASTER_KEY", text)
            .output()
            .unwrap();
        Outcome::of(by_variable).expect(9);
    }
    assert_eq!(file(&before, "vault.db"), file(&files(&world), "vault.db"));
}

#[test]
fn a_missing_master_key_is_9_and_no_new_one_is_made() {
    let (world, ..) = connected();
    let before = files(&world);
    remove(&world, "master.key");
    let outcome = failure(&world, &["list"], 9, "vault_unavailable");
    assert!(
        outcome.stderr.contains("master.key is missing"),
        "{}",
        outcome.stderr
    );
    assert!(!world.home().join("master.key").exists());
    assert_eq!(file(&before, "vault.db"), file(&files(&world), "vault.db"));
}

#[test]
fn a_truncated_vault_is_9_at_every_length_and_is_left_as_it_is() {
    let (world, ..) = connected();
    let whole = file(&files(&world), "vault.db").to_vec();
    let pages = (1..)
        .map(|page| page * 4096)
        .take_while(|length| *length < whole.len());
    let first_page = [0, 1, 16, 68, 72, 99, 100, 512, 1024, 4095, 4097];
    let last_page = [whole.len() - 4000, whole.len() - 2000, whole.len() - 1];
    let mut wrong = Vec::new();
    for length in first_page.into_iter().chain(pages).chain(last_page) {
        put(&world, "vault.db", &whole[..length]);
        let outcome = world.call(["get", "gitlab", "--json"]);
        assert!(!outcome.stderr.contains("panicked"), "{length}");
        let error = outcome.json();
        let told = error["error"] == "vault_unavailable"
            && error["hint"].as_str().unwrap_or_default().contains("mv '");
        if outcome.code != Some(9) || !told {
            wrong.push((length, outcome.code, error["message"].clone()));
        }
        let untouched = file(&files(&world), "vault.db") == &whole[..length];
        assert!(untouched, "{length}");
    }
    assert!(wrong.is_empty(), "of {} bytes: {wrong:?}", whole.len());
    put(&world, "vault.db", &whole);
    world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_truncated_vault_spends_no_refresh_token() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    let whole = file(&files(&world), "vault.db").to_vec();
    for length in (1..)
        .map(|page| page * 4096)
        .take_while(|length| *length < whole.len())
    {
        put(&world, "vault.db", &whole[..length]);
        let outcome = world.call(["export", "gitlab"]);
        // A pair that the server has issued and that cannot be stored is lost.
        assert_eq!(
            gitlab.token_requests(),
            0,
            "{length} of {} bytes: {outcome:?}",
            whole.len()
        );
    }
}

#[test]
fn a_vault_that_is_something_else_is_9() {
    let (world, ..) = connected();
    let whole = file(&files(&world), "vault.db").to_vec();
    let mut scrambled = whole.clone();
    scrambled[..16].fill(0xff);
    for bytes in [
        &b"hello, I am a text file\n"[..],
        &scrambled,
        &vec![0; whole.len()],
    ] {
        put(&world, "vault.db", bytes);
        failure(&world, &["list"], 9, "vault_unavailable");
        failure(&world, &["login", "gitlab"], 9, "vault_unavailable");
        assert_eq!(file(&files(&world), "vault.db"), bytes);
    }
}

#[test]
fn a_record_under_another_name_does_not_open() {
    let (world, ..) = connected();
    let database = rusqlite::Connection::open(world.home().join("vault.db")).unwrap();
    let moved = "UPDATE record SET name = 'gitlab/other' WHERE kind = 'connection'";
    assert_eq!(database.execute(moved, []).unwrap(), 1);
    drop(database);
    let outcome = failure(
        &world,
        &["get", "gitlab", "--connection", "other"],
        9,
        "record_unreadable",
    );
    assert!(
        outcome.stderr.contains("gitlab/other"),
        "{}",
        outcome.stderr
    );
    world
        .call(["logout", "gitlab", "--connection", "other"])
        .expect(0);
    world.call(["list"]).expect(0);
}

#[test]
fn the_hint_for_a_damaged_vault_leads_out() {
    let (world, ..) = connected();
    put(&world, "vault.db", b"damaged");
    let error = world.call(["list", "--json"]).expect(9).json();
    let hint = error["hint"].as_str().unwrap();
    let command = &hint[hint.find("mv ").unwrap()..];
    assert!(
        Command::new("sh")
            .args(["-c", command])
            .status()
            .unwrap()
            .success(),
        "{command}"
    );
    world.call(["list"]).expect(0);
    assert_eq!(file(&files(&world), "vault.db.damaged"), b"damaged");
}

#[test]
fn a_key_in_the_environment_makes_a_vault_without_a_key_file() {
    let world = World::new();
    let call = |words: &[&str], key: Option<&str>| {
        let mut command = world.authsome(words);
        key.map(|key| command.env("AUTHSOME_MASTER_KEY", key));
        Outcome::of(command.output().unwrap())
    };
    call(&["list"], Some(KEY)).expect(0);
    assert!(!world.home().join("master.key").exists());
    let who = call(&["whoami", "--json"], Some(&format!("{KEY}\n")))
        .expect(0)
        .json();
    assert_eq!(who["master_key"], "AUTHSOME_MASTER_KEY");
    let outcome = call(&["list"], None).expect(9);
    assert!(
        outcome.stderr.contains("AUTHSOME_MASTER_KEY"),
        "{}",
        outcome.stderr
    );
    assert!(!world.home().join("master.key").exists());
}
