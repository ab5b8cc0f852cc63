//! The vault's key in the keyring of the user's session: GNOME Keyring, on a bus of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use authsome_test_support::kit::skip;

use crate::kit::{Outcome, Setup, World};

/// Runs a script with a session bus and an unlocked keyring, or says that there is none.
fn in_a_session(world: &World, script: &str) -> Option<Outcome> {
    let authsome = world.authsome::<&str>([]);
    let mut command = Command::new("dbus-run-session");
    command.env_clear();
    for (name, value) in authsome.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    // Without a variable for its own directory, the daemon would use the user's.
    let runtime = world.path("runtime");
    fs::create_dir_all(&runtime).unwrap();
    command
        .env("XDG_RUNTIME_DIR", &runtime)
        .env("XDG_DATA_HOME", world.path("data"));
    let prelude =
        "echo -n secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n";
    let binary = Path::new(authsome.get_program());
    let script = format!(
        "authsome() {{ '{}' \"$@\"; }}\n{prelude}{script}",
        binary.display()
    );
    command.args(["--", "bash", "-ec", &script]);
    if !["dbus-run-session", "gnome-keyring-daemon"]
        .into_iter()
        .all(is_installed)
    {
        skip("there is no GNOME Keyring");
        return None;
    }
    Some(Outcome::of(command.output().unwrap()))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).exists())
}

fn key_file(world: &World) -> String {
    fs::read_to_string(world.home().join("master.key")).unwrap()
}

#[test]
fn a_new_vaults_key_goes_to_the_keyring_where_there_is_one() {
    let world = World::new();
    let Some(shown) = in_a_session(
        &world,
        "authsome login 2>&1 >/dev/null | grep -q 'in your keyring'; authsome vault status --json",
    ) else {
        return;
    };
    assert_eq!(shown.expect(0).json()["key"], "keyring");
    assert!(key_file(&world).starts_with("keyring "));
    // Without the session, the vault stays shut, and it is said why.
    let shut = world.call(["list"]).expect(9);
    assert!(shut.stderr.contains("keyring"), "{shut:?}");
}

#[test]
fn without_a_keyring_the_key_is_in_the_file_and_that_is_said() {
    let world = World::new();
    world.call(["list"]).expect(0);
    let shown = world.call(["vault", "status"]).expect(0);
    assert!(shown.stdout.contains("master.key"), "{shown:?}");
    assert!(
        shown.stderr.contains("authsome vault rekey --to keyring"),
        "{shown:?}"
    );
    // A bus on which nobody answers for a keyring.
    let other = World::new();
    let mut command = other.authsome(["list"]);
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    Outcome::of(command.output().unwrap()).expect(0);
    assert!(!key_file(&other).starts_with("keyring "));
}

#[test]
fn the_key_moves_to_the_keyring_and_back_and_the_connections_stay() {
    let setup = Setup::connected();
    let before = key_file(&setup.world);
    let script = "authsome vault rekey --to keyring
        authsome get gitlab --field status
        authsome vault rekey --to file
        authsome get gitlab --field status";
    let Some(moved) = in_a_session(&setup.world, script) else {
        return;
    };
    assert_eq!(moved.expect(0).stdout, "connected\nconnected\n");
    assert_ne!(key_file(&setup.world), before, "it is a new key");
    setup.world.call(["get", "gitlab"]).expect(0);
}

#[test]
fn a_key_that_the_user_keeps_is_printed_once_and_only_if_that_is_wanted() {
    let setup = Setup::connected();
    setup
        .world
        .call(["vault", "rekey", "--to", "env"])
        .expect(2);
    let printed = setup
        .world
        .call(["vault", "rekey", "--to", "env", "--show-secret"])
        .expect(0);
    let key = printed.stdout.trim();
    assert_eq!(key.len(), 44);
    let shut = setup.world.call(["get", "gitlab"]).expect(9);
    assert!(shut.stderr.contains("AUTHSOME_MASTER_KEY"), "{shut:?}");
    let mut command = setup.world.authsome(["get", "gitlab", "--field", "status"]);
    let open = Outcome::of(command.env("AUTHSOME_MASTER_KEY", key).output().unwrap());
    assert_eq!(open.expect(0).stdout, "connected\n");
}
