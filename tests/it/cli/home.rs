//! A home that is not right.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::kit::commands::{connected, failure, put, shell};
use crate::kit::{Outcome, Setup, World};

#[test]
fn a_home_that_others_can_read_is_refused_with_the_very_chmod() {
    let (world, ..) = connected();
    for mode in [0o755, 0o750, 0o701, 0o770] {
        fs::set_permissions(world.home(), fs::Permissions::from_mode(mode)).unwrap();
        let outcome = failure(&world, &["list"], 9, "vault_unavailable");
        let chmod = format!("chmod 700 '{}'", world.home().display());
        assert!(
            outcome.stderr.contains(&format!("hint: {chmod}\n")),
            "{}",
            outcome.stderr
        );
        assert!(
            Command::new("sh")
                .args(["-c", &chmod])
                .status()
                .unwrap()
                .success()
        );
        world.call(["get", "gitlab"]).expect(0);
    }
}

#[test]
fn a_home_that_is_a_file_is_9() {
    let world = World::new();
    world.file("home", "I am a file");
    let outcome = failure(&world, &["list"], 9, "vault_unavailable");
    assert!(
        outcome.stderr.contains("is not a directory"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("AUTHSOME_HOME"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_to_string(world.home()).unwrap(), "I am a file");
}

#[test]
fn no_home_at_all_is_9() {
    let world = World::new();
    let outcome = world
        .authsome(["list"])
        .env_remove("HOME")
        .env_remove("AUTHSOME_HOME")
        .output();
    let outcome = Outcome::of(outcome.unwrap()).expect(9);
    assert!(
        outcome.stderr.contains("hint: set AUTHSOME_HOME"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn without_authsome_home_it_is_dot_authsome() {
    let world = World::new();
    let mut command = world.authsome(["whoami", "--json"]);
    let home = world.path(".authsome").display().to_string();
    let outcome = Outcome::of(command.env_remove("AUTHSOME_HOME").output().unwrap()).expect(0);
    assert_eq!(outcome.json()["home"], home);
}

#[test]
fn everything_in_the_home_is_private_whatever_the_umask() {
    let (world, gitlab) = Setup::unconnected();
    shell(&world, "umask 000; \"$0\" list").expect(0);
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    shell(&world, "umask 000; \"$0\" export gitlab").expect(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.home()), 0o700);
    for name in ["vault.db", "master.key", "audit.log"] {
        assert_eq!(mode(&world.home().join(name)), 0o600, "{name}");
    }
    for entry in fs::read_dir(world.home()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn an_unknown_key_in_the_settings_is_named() {
    let world = World::new();
    world.call(["list"]).expect(0);
    for (text, named) in [
        ("frobnicate = 1\n", "frobnicate"),
        ("[timeouts]\nconect_seconds = 3\n", "conect_seconds"),
        ("[guard]\nallow = 7\n", "allow"),
        ("[timeouts\n", "line 1"),
    ] {
        put(&world, "config.toml", text.as_bytes());
        for words in [&["list"][..], &["login", "gitlab"], &["inspect", "gitlab"]] {
            let outcome = failure(&world, words, 2, "config_invalid");
            assert!(outcome.stderr.contains(named), "{text}: {}", outcome.stderr);
            assert!(
                outcome.stderr.contains("config.toml"),
                "{text}: {}",
                outcome.stderr
            );
        }
    }
    put(
        &world,
        "config.toml",
        b"[timeouts]\nconnect_seconds = 3\n[guard]\nallow = [\"gitlab/deploy-key\"]\n",
    );
    world.call(["list"]).expect(0);
}
