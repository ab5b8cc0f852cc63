//! `authsome vault export` and `authsome vault import`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use authsome_test_support::FakeGitLab;

use crate::kit::commands::failure;
use crate::kit::refresh::{call, pair};
use crate::kit::{Outcome, Setup, World};

/// A key that is right in form: 32 bytes.
pub(super) const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const OTHER_KEY: &str = "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// The binary in that home, with that master key.
pub(super) fn keyed(world: &World, key: &str, words: &[&str]) -> Command {
    let mut command = world.authsome(words);
    command.env("AUTHSOME_MASTER_KEY", key);
    command
}

fn keyed_call(world: &World, key: &str, words: &[&str]) -> Outcome {
    Outcome::of(keyed(world, key, words).output().unwrap())
}

fn exported(setup: &Setup, more: &[&str]) -> PathBuf {
    let file = setup.world.path("export.age");
    let words = ["vault", "export", "--to", file.to_str().unwrap()];
    setup.world.call(words.iter().chain(more)).expect(0);
    file
}

/// A file with a passphrase, and the flag that names it.
fn passphrase(world: &World, text: &str) -> [String; 2] {
    let file = world.file("passphrase", text);
    ["--passphrase-file".to_owned(), file.display().to_string()]
}

fn import(world: &World, file: &Path, more: &[&str]) -> Outcome {
    let words = ["vault", "import", file.to_str().unwrap()];
    world.call(words.iter().chain(more))
}

fn results(outcome: &Outcome) -> Vec<String> {
    let json = outcome.json();
    let connections = json["connections"].as_array().unwrap().iter();
    let result = |one: &serde_json::Value| one["result"].as_str().unwrap().to_owned();
    connections.map(result).collect()
}

#[test]
fn a_passphrase_takes_a_connection_to_an_empty_machine() {
    let setup = Setup::connected();
    let [flag, file] = passphrase(&setup.world, "correct horse\n");
    let export = exported(&setup, &[&flag, &file]);
    let mode = fs::metadata(&export).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = fs::read_to_string(&export).unwrap();
    assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
    assert!(!sealed.contains(&setup.pair.access));
    let other = World::new();
    let outcome = import(&other, &export, &[&flag, &file]).expect(0);
    assert!(
        outcome.stdout.contains("gitlab/default  imported"),
        "{}",
        outcome.stdout
    );
    assert_eq!(pair(&other), setup.pair);
    assert_eq!(call(&other, &setup.gitlab), "200");
    let who = other
        .call(["get", "gitlab", "--field", "is_default"])
        .expect(0);
    assert_eq!(who.stdout.trim(), "true");
    // Again: nothing is to be done.
    let again = import(&other, &export, &[&flag, &file, "--json"]).expect(0);
    assert_eq!(results(&again), ["unchanged"]);
    assert_eq!(crate::kit::refresh::count_events(&setup.world, "export"), 1);
    assert_eq!(crate::kit::refresh::count_events(&other, "import"), 1);
}

#[test]
fn the_same_master_key_opens_it_and_another_one_does_not() {
    let (world, gitlab) = Setup::unconnected();
    keyed_call(&world, KEY, &["vault", "status"]).expect(0);
    let setup = connected_with_key(&world, &gitlab);
    let file = world.path("export.age");
    let to = ["vault", "export", "--to", file.to_str().unwrap()];
    keyed_call(&world, KEY, &to).expect(0);
    let words = ["vault", "import", file.to_str().unwrap()];
    let other = World::new();
    let refused = keyed_call(&other, OTHER_KEY, &words).expect(2);
    assert!(
        refused.stderr.contains("AUTHSOME_MASTER_KEY"),
        "{}",
        refused.stderr
    );
    let job = World::new();
    keyed_call(&job, KEY, &words).expect(0);
    let token = ["get", "gitlab", "--show-secret", "--field", "access_token"];
    let token = keyed_call(&job, KEY, &token).expect(0).stdout;
    assert_eq!(token.trim(), setup);
}

/// Puts a connection into the vault of [`KEY`], by an import; returns its access token.
pub(super) fn connected_with_key(world: &World, gitlab: &FakeGitLab) -> String {
    let origin = World::new();
    let (_, pair) = origin.connect(gitlab);
    let export = origin.path("export.age");
    let export = export.to_str().unwrap();
    let words = ["vault", "export", "--to", export, "--recipient", RECIPIENT];
    origin.call(words).expect(0);
    let identity = origin.file("key.txt", IDENTITY);
    let identity = ["--identity-file", identity.to_str().unwrap()];
    let words = ["vault", "import", export, identity[0], identity[1]];
    keyed_call(world, KEY, &words).expect(0);
    pair.access
}

/// An identity of age, and its recipient.
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

#[test]
fn a_recipient_opens_it_with_its_identity() {
    let setup = Setup::connected();
    let export = exported(&setup, &["--recipient", RECIPIENT]);
    let other = World::new();
    let identity = other.file("key.txt", &format!("# a comment\n{IDENTITY}\n"));
    let identity = ["--identity-file", identity.to_str().unwrap()];
    import(&other, &export, &identity).expect(0);
    assert_eq!(pair(&other), setup.pair);
    let own = keyed_call(
        &World::new(),
        KEY,
        &["vault", "import", export.to_str().unwrap()],
    );
    let own = own.expect(2);
    assert!(
        own.stderr.contains("not the one that it is sealed with"),
        "{}",
        own.stderr
    );
}

#[test]
fn standard_input_and_output_take_it_too() {
    let setup = Setup::connected();
    let [flag, file] = passphrase(&setup.world, "x");
    let to = setup
        .world
        .call(["vault", "export", "--to", "-", &flag, &file])
        .expect(0);
    let other = World::new();
    let mut command = other.authsome(["vault", "import", "-", &flag, &file]);
    let sealed = setup.world.file("sealed", &to.stdout);
    command.stdin(fs::File::open(sealed).unwrap());
    Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(pair(&other), setup.pair);
}

#[test]
fn an_older_pair_never_replaces_a_newer_one_and_another_login_needs_force() {
    let setup = Setup::connected();
    let [flag, file] = passphrase(&setup.world, "x");
    let with: [&str; 3] = [&flag, &file, "--json"];
    let old = exported(&setup, &[&flag, &file]);
    let first = setup.world.path("first.age");
    fs::rename(old, &first).unwrap();
    setup.gitlab.expire_access_tokens();
    crate::kit::refresh::age(&setup.world, 0);
    assert_eq!(call(&setup.world, &setup.gitlab), "200");
    let newer = pair(&setup.world);
    assert_ne!(newer, setup.pair);
    for force in [&[][..], &["--force"]] {
        let words: Vec<_> = with.iter().chain(force).copied().collect();
        assert_eq!(
            results(&import(&setup.world, &first, &words).expect(0)),
            ["kept"]
        );
        assert_eq!(pair(&setup.world), newer);
    }
    // The newer one replaces the older one elsewhere.
    let second = exported(&setup, &[&flag, &file]);
    let other = World::new();
    import(&other, &first, &with).expect(0);
    assert_eq!(
        results(&import(&other, &second, &with).expect(0)),
        ["updated"]
    );
    assert_eq!(pair(&other), newer);
    // Another login of the same name.
    let third = World::new();
    third.connect(&setup.gitlab);
    let theirs = pair(&third);
    let refused = import(&third, &second, &with).expect(6);
    assert_eq!(refused.json()["error"], "connection_exists");
    assert_eq!(pair(&third), theirs);
    let words: Vec<_> = with.iter().chain(&["--force"]).copied().collect();
    assert_eq!(
        results(&import(&third, &second, &words).expect(0)),
        ["replaced"]
    );
    assert_eq!(pair(&third), newer);
}

#[test]
fn what_cannot_be_exported_or_imported_is_said_and_writes_nothing() {
    let empty = World::new();
    let to = empty.path("out.age");
    let export = ["vault", "export", "--to", to.to_str().unwrap()];
    failure(&empty, &export, 3, "connection_not_found");
    let setup = Setup::connected();
    let world = &setup.world;
    let to = world.path("out.age");
    let export = ["vault", "export", "--to", to.to_str().unwrap()];
    let with = |more: &[&'static str]| {
        export
            .iter()
            .copied()
            .chain(more.iter().copied())
            .collect::<Vec<_>>()
    };
    failure(
        world,
        &with(&["--only", "github"]),
        3,
        "connection_not_found",
    );
    failure(
        world,
        &with(&["--only", "gitlab/work"]),
        3,
        "connection_not_found",
    );
    failure(world, &with(&["--only", "gitlb"]), 4, "provider_not_found");
    failure(world, &with(&["--recipient", "age1nobody"]), 2, "usage");
    failure(
        world,
        &with(&["--passphrase-file", "/dev/null"]),
        2,
        "usage",
    );
    failure(world, &with(&["--passphrase-file", "/nowhere"]), 2, "usage");
    let nowhere = ["vault", "export", "--to", "/nowhere/out.age"];
    failure(world, &nowhere, 1, "not_written");
    assert!(!to.exists());
    // A file that does not open leaves no home behind.
    let [flag, file] = passphrase(world, "x");
    let sealed = exported(&setup, &[&flag, &file]);
    let job = World::new();
    let wrong = job.file("wrong", "y");
    let path = sealed.to_str().unwrap();
    let words = ["vault", "import", path, &flag, wrong.to_str().unwrap()];
    failure(&job, &words, 2, "wrong_key");
    let whole = fs::read_to_string(&sealed).unwrap();
    for (name, text) in [
        ("cut", &whole[..whole.len() / 2]),
        ("text", "hello"),
        ("nothing", ""),
    ] {
        let broken = job.file(name, text);
        let words = ["vault", "import", broken.to_str().unwrap(), &flag, &file];
        failure(&job, &words, 2, "export_invalid");
    }
    let words = ["vault", "import", "/nowhere", &flag, &file];
    failure(&job, &words, 2, "usage");
    let words = [
        "vault",
        "import",
        path,
        "--identity-file",
        wrong.to_str().unwrap(),
    ];
    failure(&job, &words, 2, "identity_invalid");
    assert!(!job.home().join("vault.db").exists());
}

#[test]
fn inside_a_run_none_of_it_hands_a_pair_out() {
    let setup = Setup::connected();
    let binary = crate::kit::binary().to_str().unwrap();
    let on_rotate = ["run", "--on-rotate", "cmd:cat >&2"];
    let recipient = ["--on-rotate-recipient", RECIPIENT, "--", "true"];
    let run = [&on_rotate[..], &recipient[..]].concat();
    for words in [
        &["vault", "export", "--to", "-"][..],
        &["vault", "import", "x"],
        &run,
    ] {
        let inside = [binary].into_iter().chain(words.iter().copied());
        let outcome = setup.world.run(inside);
        assert_ne!(outcome.code, Some(0), "{words:?}");
        let said = outcome.stderr;
        assert!(said.contains("is refused inside"), "{words:?}: {said}");
    }
}
