//! The vault's file: one of an earlier version opens, one of a later version is said to be that,
//! and settings come before it in any order.
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use authsome::vault::VaultError;
use rusqlite::Connection;

use crate::kit::{Outcome, World, binary};

/// What the vault of `tests/fixtures/vault-0.1.0` has, as the program that made it printed it.
const ACCESS: &str = "5906d3987d3593fe6eac909844ca0e36aeb490c0c5dd959bee118f0f468fe283";
const REFRESH: &str = "e8f1bd3547d8928320fcea8865cc2e4beedd679f3b71629d2ee3faa406d6c0a9";

/// A home with the vault that 0.1.0 made before its tables had a second version.
fn first_vault() -> World {
    let world = World::new();
    fs::create_dir(world.home()).unwrap();
    fs::set_permissions(world.home(), Permissions::from_mode(0o700)).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vault-0.1.0");
    for name in ["vault.db", "master.key"] {
        let mut content = Vec::new();
        let mut file = File::open(fixture.join(name)).unwrap();
        file.read_to_end(&mut content).unwrap();
        let mut copy = File::create(world.home().join(name)).unwrap();
        copy.write_all(&content).unwrap();
        copy.set_permissions(Permissions::from_mode(0o600)).unwrap();
    }
    world
}

fn tables(world: &World) -> Connection {
    Connection::open(world.home().join("vault.db")).unwrap()
}

fn layouts(world: &World) -> Vec<(String, u8)> {
    let connection = tables(world);
    let select = "SELECT kind || ' ' || name, sealed FROM record ORDER BY 1";
    let mut statement = connection.prepare(select).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?[0])));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_first_vault_opens_and_takes_the_present_form_as_it_is_written() {
    let world = first_vault();
    let version = |world: &World| -> u32 {
        let pragma = "PRAGMA user_version";
        tables(world)
            .query_row(pragma, [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(version(&world), 1, "the fixture is as it was made");
    let token = [
        "get",
        "gitlab",
        "--connection",
        "work",
        "--show-secret",
        "--field",
    ];
    let get = |field: &str| {
        let words = token.iter().copied().chain([field]);
        world.call(words).expect(0).stdout.trim().to_owned()
    };
    assert_eq!(get("access_token"), ACCESS);
    assert_eq!(get("refresh_token"), REFRESH);
    assert_eq!(get("account"), "ada");
    assert_eq!(version(&world), 2);
    world.call(["set-default", "gitlab", "work"]).expect(0);
    assert_eq!(get("is_default"), "true");
    assert_eq!(get("access_token"), ACCESS);
    // The one record that was written has the new layout; the run seals what its connections keep
    // to.
    let of = |name: &str| layouts(&world).into_iter().find(|(found, _)| found == name);
    assert_eq!(of("default gitlab").unwrap().1, 2);
    assert_eq!(of("connection gitlab/work").unwrap().1, 1);
    world.run(["true"]).expect(0);
    assert_eq!(of("connection gitlab/work").unwrap().1, 2);
    assert_eq!(get("refresh_token"), REFRESH);
    world
        .call(["logout", "gitlab", "--connection", "work"])
        .expect(0);
    world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_wrong_key_is_still_told_from_a_damaged_record_in_the_first_vault() {
    let world = first_vault();
    let key = File::create(world.home().join("master.key")).unwrap();
    (&key)
        .write_all(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
        .unwrap();
    let outcome = world.call(["get", "gitlab"]).expect(9);
    assert!(
        outcome.stderr.contains("is not the key of this vault"),
        "{}",
        outcome.stderr
    );
    let world = first_vault();
    let swap = "UPDATE record SET name = 'gitlab/other' WHERE name = 'gitlab/work'";
    tables(&world).execute(swap, []).unwrap();
    let outcome = world
        .call(["get", "gitlab", "--connection", "other"])
        .expect(9);
    assert!(
        outcome.stderr.contains("cannot be opened"),
        "{}",
        outcome.stderr
    );
    // It hides no other.
    let who = world.call(["whoami", "--json"]).expect(0).json();
    let status = |account: usize| &who["accounts"][account]["status"];
    assert_eq!(
        (status(0), status(1)),
        (&"connected".into(), &"error".into()),
        "{who}"
    );
    let who = world.call(["whoami"]).expect(0);
    assert!(
        who.stdout.contains("gitlab/other    error\n"),
        "{}",
        who.stdout
    );
    assert!(who.stderr.contains("cannot be opened"), "{}", who.stderr);
}

#[test]
fn a_vault_that_a_later_version_takes_over_is_neither_written_nor_called_damaged() {
    let world = first_vault();
    let store = world.store();
    tables(&world)
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let id = crate::kit::id("work");
    let written = store.set_default(&id).unwrap_err();
    let authsome::connection::StoreError::Vault(error) = written else {
        panic!("{written}");
    };
    assert!(matches!(error, VaultError::TooNew { .. }), "{error}");
    let outcome = world.call(["list"]).expect(9);
    assert!(
        outcome.stderr.contains("use the newer version of authsome"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_the_disk_does_not_do_is_said_in_words() {
    let world = first_vault();
    world.call(["list"]).expect(0);
    // As root, permissions do not stop anybody: the log's place is taken by a directory.
    let log = world.home().join("vault.db-wal");
    let _ = fs::remove_file(&log);
    fs::create_dir(&log).unwrap();
    let outcome = world.call(["list"]).expect(9);
    assert!(
        outcome.stderr.contains("cannot be opened"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("hint: check the disk"),
        "{}",
        outcome.stderr
    );
}

// ---- the recipe for a definition of one's own ----

/// The README's words, in a shell with that umask.
fn recipe(world: &World, umask: &str, words: &str) -> Outcome {
    let script = format!("umask {umask}; authsome() {{ \"$PROGRAM\" \"$@\"; }}; {words}");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env_clear();
    shell.env("PATH", std::env::var_os("PATH").unwrap());
    shell.env("PROGRAM", binary()).env("HOME", world.path(""));
    Outcome::of(shell.output().unwrap())
}

const MAKE: &str = "mkdir -p ~/.authsome/providers";
const INSPECT: &str = "authsome inspect gitlab > ~/.authsome/providers/gitlab.json";

#[test]
fn the_recipe_for_a_definition_works_in_every_order() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/definitions.md");
    let page = fs::read_to_string(page).unwrap();
    for words in [MAKE, INSPECT] {
        assert!(page.contains(words), "docs/definitions.md: {words}");
    }
    for umask in ["022", "002", "077"] {
        for words in [
            format!("{MAKE} && {INSPECT}"),
            format!("authsome list && {MAKE} && {INSPECT}"),
            format!("{MAKE} && {INSPECT} && {INSPECT}"), // the second time over what is there
            format!("{MAKE} && authsome list && {INSPECT}"),
        ] {
            let world = World::new();
            let words = format!("set -e; {words}; authsome list --json");
            let outcome = recipe(&world, umask, &words).expect(0);
            let listed = outcome
                .stdout
                .split_once("{\n")
                .map(|(_, json)| format!("{{{json}"));
            assert!(
                listed.unwrap().contains("\"source\": \"custom\""),
                "{umask} {words}"
            );
            let home = world.path(".authsome");
            let mode = fs::metadata(&home).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{umask} {words}");
            let definition = fs::read_to_string(home.join("providers/gitlab.json")).unwrap();
            assert!(definition.starts_with('{'), "{umask} {words}");
        }
    }
}

#[test]
fn an_empty_definition_is_an_error_that_says_so_everywhere_else() {
    let world = World::new();
    recipe(
        &world,
        "077",
        &format!("{MAKE}; : > ~/.authsome/providers/gitlab.json"),
    )
    .expect(0);
    let outcome = recipe(&world, "077", "authsome login gitlab --no-browser").expect(4);
    assert!(
        outcome.stderr.contains("it is empty; remove it: rm '"),
        "{}",
        outcome.stderr
    );
    let outcome = recipe(&world, "077", "authsome inspect gitlab").expect(0);
    assert!(
        outcome.stderr.contains("is empty, so this is"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.json()["name"], "gitlab");
}
