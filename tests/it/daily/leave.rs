//! `authsome uninstall`.

use std::fs;

use crate::kit::Setup;
use crate::kit::commands::put;

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
