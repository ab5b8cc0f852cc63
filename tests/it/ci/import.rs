//! What `authsome vault import` takes in, and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use authsome::age_file::{Identity, OpenWith, SealWith, open, seal};
use authsome::connection::{Connection, CustomDefinition, DefinitionUsed, Exported, Terms};
use authsome::secret::Secret;
use aws_lc_rs::digest::{SHA256, digest};

use super::export::{KEY, keyed};
use super::job::{Job, Story};
use crate::kit::commands::failure;
use crate::kit::{Outcome, Setup, World, id};

const PASSPHRASE: &str = "correct horse";

/// A file of a stranger, sealed with a passphrase, and the words that import it.
fn sealed(world: &World, connections: &[Connection]) -> Vec<String> {
    let all: Vec<_> = connections
        .iter()
        .map(|connection| Exported {
            connection: connection.clone(),
            is_default: false,
        })
        .collect();
    let with = SealWith::Passphrase(Secret::new(PASSPHRASE.to_owned()));
    let sealed = seal(&Exported::encode(&all).unwrap(), &with).unwrap();
    let file = world.file("stranger.age", &String::from_utf8(sealed).unwrap());
    let passphrase = world.file("passphrase", PASSPHRASE);
    let words = [
        "vault",
        "import",
        path(&file),
        "--passphrase-file",
        path(&passphrase),
    ];
    words.map(str::to_owned).to_vec()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn named(connection: &Connection, name: &str, client_id: &str) -> Connection {
    let mut other = connection.clone();
    other.id = id(name);
    if let Some(client) = &mut other.client {
        client_id.clone_into(&mut client.client_id);
    }
    other
}

#[test]
fn the_application_that_logins_use_stays_the_users_own() {
    let setup = Setup::connected();
    let connection = setup.world.stored("default");
    let words = sealed(&setup.world, &[named(&connection, "theirs", "STRANGER")]);
    setup.world.call(&words).expect(0);
    let base = connection.base_url.as_ref();
    let client = || {
        let client = setup
            .world
            .store()
            .application(&connection.id.provider, base);
        client.unwrap().unwrap().credentials.client_id
    };
    assert_eq!(client(), setup.app.client_id);
    assert_eq!(
        setup.world.stored("theirs").client.unwrap().client_id,
        "STRANGER"
    );
    // Where there is none, the next login can use it.
    let empty = World::new();
    empty.call(&words).expect(0);
    let client = empty.store().application(&connection.id.provider, base);
    assert_eq!(client.unwrap().unwrap().credentials.client_id, "STRANGER");
}

/// The connection of a provider of one's own.
fn with_definition(connection: &Connection, text: &str) -> Connection {
    let mut own = connection.clone();
    own.id.provider = "acme".parse().unwrap();
    let digest = digest(&SHA256, text.as_bytes());
    let hexadecimal = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    let custom = CustomDefinition {
        digest: hexadecimal.collect(),
        text: Some(text.into()),
    };
    own.terms = Some(Terms {
        routes: Vec::new(),
        definition: DefinitionUsed::Custom(custom),
        allowed_guards: Vec::new(),
    });
    own
}

#[test]
fn a_definition_is_checked_before_anything_is_written_and_said() {
    let setup = Setup::connected();
    let connection = setup.world.stored("default");
    let good = r#"{"schema_version": 1, "name": "acme", "display_name": "Acme", "auth_type": "api_key",
        "api_url": "https://api.acme.test", "api_key": {"env_var": "ACME_KEY"}}"#;
    for text in ["not json", "", &good.replace("\"acme\"", "\"other\"")] {
        let world = World::new();
        let words = sealed(&world, &[with_definition(&connection, text)]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        failure(&world, &words, 2, "export_invalid");
        assert!(!world.home().join("providers").exists(), "{text}");
        assert!(world.store().list().unwrap().is_empty(), "{text}");
    }
    let world = World::new();
    let words = sealed(&world, &[with_definition(&connection, good)]);
    let outcome = world.call(&words).expect(0);
    let said = outcome.stderr + &outcome.stdout;
    assert!(
        said.contains("sends the credential to: https://api.acme.test"),
        "{said}"
    );
    world.call(["inspect", "acme"]).expect(0);
}

#[test]
fn an_import_without_the_right_key_leaves_a_home_that_the_right_one_opens() {
    let story = Story::begin();
    let file = path(&story.file);
    let words = ["vault", "import", file];
    let world = World::new();
    failure(&world, &words, 2, "key_missing");
    assert_eq!(fs::read_dir(world.home()).unwrap().count(), 0);
    // A home without a vault, as settings make one.
    fs::create_dir_all(world.home().join("providers")).unwrap();
    failure(&world, &words, 2, "key_missing");
    let wrong = "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    Outcome::of(keyed(&world, wrong, &words).output().unwrap()).expect(2);
    for name in ["vault.db", "master.key"] {
        assert!(!world.home().join(name).exists(), "{name}");
    }
    Outcome::of(keyed(&world, KEY, &words).output().unwrap()).expect(0);
}

#[test]
fn what_is_exported_can_be_imported_whatever_its_size() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    let vault = job.store();
    let connection = vault.load(&id("default")).unwrap().unwrap().connection;
    for number in 0..4 {
        let mut large = named(&connection, &format!("n{number}"), "c");
        let comment = "# a comment\n".repeat(32 * 1024);
        large.ca_pem = large.ca_pem.map(|pem| pem + &comment);
        vault.create(&large, false).unwrap();
    }
    let file = story.path("large.age");
    job.export_to(&file);
    assert!(fs::metadata(&file).unwrap().len() > 1024 * 1024);
    let other = Job::new();
    other.import(&file).expect(0);
    assert_eq!(other.store().list().unwrap().len(), 5);
    // What a run has written, the next one reads.
    let target = format!("file:{}", file.display());
    for _ in 0..2 {
        job.run_with(&target, &["true"]).expect(0);
    }
}

/// As who can open the file could make it: with its header, and another content.
fn forged(job: &Job, file: &Path, from: &str, to: &str) -> PathBuf {
    let keys = Arc::clone(job.store().export_keys());
    let own = || Identity::of_key(keys.sealing());
    let content = open(&fs::read(file).unwrap(), &OpenWith::Identities(vec![own()])).unwrap();
    let text = String::from_utf8(content.expose().clone()).unwrap();
    assert!(text.contains(from));
    let text = Secret::new(text.replace(from, to).into_bytes());
    let sealed = seal(&text, &SealWith::Recipients(vec![own().recipient()])).unwrap();
    job.world
        .file("forged.age", &String::from_utf8(sealed).unwrap())
}

#[test]
fn a_file_that_opens_but_was_not_made_with_the_master_key_is_refused() {
    let story = Story::begin();
    let job = Job::new();
    job.import(&story.file).expect(0);
    // Renewed, and not due again: no later run renews it.
    assert_eq!(job.call(&story), "200");
    let pair = job.pair();
    let forged = forged(&job, &story.file, &pair.access, "of-an-attacker");
    let refused = Job::new().import(&forged).expect(2);
    assert!(
        refused.stderr.contains("not made with the master key"),
        "{}",
        refused.stderr
    );
    let target = format!("file:{}", forged.display());
    let before = fs::read(&forged).unwrap();
    let outcome = job.run_with(&target, &["true"]).expect(125);
    assert!(
        outcome.stderr.contains("not made with the master key"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read(&forged).unwrap(), before);
    assert_eq!(job.pair(), pair);
}

#[test]
fn a_file_of_which_only_a_part_is_taken_ends_with_6_and_says_what_was_done() {
    let setup = Setup::connected();
    let one = named(&setup.world.stored("default"), "work", "c");
    let mut other = one.clone();
    other.tokens.access = Secret::new("of another login".to_owned());
    let world = World::new();
    let words = sealed(&world, &[one, other]);
    let outcome = world.call(&words).expect(6);
    assert!(
        outcome.stdout.contains("gitlab/work  imported"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("gitlab/work  refused"),
        "{}",
        outcome.stdout
    );
    let file = world.path("stranger.age");
    let hint = format!("authsome vault import {}", file.display());
    assert!(outcome.stderr.contains(&hint), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("--force"), "{}", outcome.stderr);
}
