//! `authsome uninstall`.

use std::fs::{self, File};
use std::process::Command;

use crate::kit::commands::put;
use crate::kit::{Setup, World};

#[test]
fn nothing_is_removed_unless_it_is_told_to() {
    let setup = Setup::connected();
    let shown = setup.world.call(["uninstall"]).expect(0);
    for what in [
        "vault.db",
        "master.key",
        "authsome revoke gitlab/default",
        "--yes",
    ] {
        assert!(shown.stdout.contains(what), "{shown:?}");
    }
    assert!(setup.world.home().join("vault.db").exists());
    setup.world.call(["uninstall", "--yes"]).expect(0);
    assert!(!setup.world.home().exists());
}

#[test]
fn nothing_is_made_where_nothing_is() {
    let world = World::new();
    let shown = world.call(["uninstall", "--json"]).expect(0).json();
    assert_eq!(shown["files"], serde_json::json!([]));
    world.call(["uninstall", "--yes"]).expect(0);
    assert!(!world.home().exists());
}

#[test]
fn what_is_not_authsomes_stays() {
    let setup = Setup::connected();
    put(&setup.world, "notes.txt", b"mine");
    setup.world.call(["uninstall", "--yes"]).expect(0);
    let left: Vec<_> = fs::read_dir(setup.world.home()).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(
        fs::read(setup.world.home().join("notes.txt")).unwrap(),
        b"mine"
    );
}

/// The paths are those of packaging/install.sh; tests/packages compares them with what it installs.
#[test]
fn completions_and_man_pages_are_named_with_their_removal() {
    let setup = Setup::connected();
    let share = setup.world.path(".local/share");
    let paths = [
        "bash-completion/completions/authsome",
        "zsh/site-functions/_authsome",
        "fish/vendor_completions.d/authsome.fish",
        "man/man1/authsome.1",
        "man/man1/authsome-run.1",
        "man/man1/authsomething.1",
    ];
    for path in paths.map(|path| share.join(path)) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap();
    }
    let data = setup.world.call(["uninstall", "--json"]).expect(0).json();
    assert_eq!(data["beside"].as_array().map(Vec::len), Some(5), "{data}");
    let removed = setup.world.call(["uninstall", "--yes"]).expect(0);
    let said = format!("{}{}", removed.stdout, removed.stderr);
    let command = said.split_once("man pages: ").expect(&said).1;
    let shell = Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(shell.success(), "{command}");
    let left = paths.map(|path| share.join(path).exists());
    assert_eq!(left, [false, false, false, false, false, true]);
}

#[test]
fn a_run_keeps_its_files() {
    let setup = Setup::connected();
    let authsome = setup.world.authsome(["uninstall", "--yes"]);
    let program = authsome.get_program().to_str().unwrap().to_owned();
    setup.world.run([&program, "uninstall", "--yes"]).expect(4);
    // From outside, while the run is alive.
    let mut outside = setup.world.authsome(["run", "--", "sleep", "60"]);
    let mut run = outside.spawn().unwrap();
    crate::kit::until("the run is alive", || {
        let status = setup
            .world
            .call(["status", "--offline", "--json"])
            .expect(0);
        status.json()["runs"]
            .as_array()
            .is_some_and(|runs| !runs.is_empty())
    });
    let refused = setup.world.call(["uninstall", "--yes"]).expect(2);
    assert!(refused.stderr.contains("alive"), "{refused:?}");
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(setup.world.home().join("vault.db").exists());
}
