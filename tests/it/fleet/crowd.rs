//! Many machines refresh once.

use std::process::Child;

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::Fleet;
use crate::kit::refresh::user;
use crate::kit::session::{Session, spawn};
use crate::kit::{Outcome, World, until};

/// Machines, each with a home of its own.
const MACHINES: usize = 12;

#[test]
fn a_command_of_each_machine_finds_what_one_has_stored() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    let (_, pair) = fleet.connect(&gitlab, 7200);
    let (one, other) = (World::new(), World::new());
    for machine in [&one, &other] {
        let listed = fleet.call(machine, &["list", "--json"]).expect(0);
        assert!(listed.stdout.contains("connected"), "{}", listed.stdout);
        let status = fleet.call(machine, &["get", "gitlab", "--field", "status"]);
        assert_eq!(status.expect(0).stdout.trim(), "connected");
        let exported = fleet.call(machine, &["export", "gitlab"]).expect(0);
        assert!(exported.stdout.contains(&pair.access));
        assert!(!machine.home().join("vault.db").exists());
    }
    fleet.call(&one, &["logout", "gitlab"]).expect(0);
    fleet.call(&other, &["get", "gitlab"]).expect(3);
    // The server has seen no token.
    let dump = server.sql(fleet.database(), "SELECT * FROM authsome.record");
    assert!(!dump.contains(&pair.access) && !dump.contains(&pair.refresh));
}

#[test]
fn many_machines_over_an_expired_token_refresh_once() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    let machines: Vec<_> = (0..MACHINES).map(|_| World::new()).collect();
    let start = |machine: &World| -> Child {
        let curl = ["run", "--", "curl", "-sS", "--max-time", "60"];
        let mut command = machine.authsome(curl);
        command.args(["-o", "/dev/null", "-w", "%{http_code}"]);
        command.arg(user(&gitlab));
        fleet.join(&mut command);
        spawn(&mut command)
    };
    let crowd: Vec<_> = machines.iter().map(start).collect();
    for process in crowd {
        let outcome = Outcome::of(process.wait_with_output().unwrap());
        assert_eq!(outcome.stdout, "200", "{}", outcome.stderr);
    }
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(fleet.pair(), gitlab.live_pairs().pop().unwrap());
    let noted = server.sql(fleet.database(), "SELECT count(*) FROM authsome.refresh");
    assert_eq!(noted, "1");
}

/// The server tells of the new pair: nobody's next request goes out with the dead token, though
/// nothing has told this session that its token is due.
#[test]
fn a_session_swaps_when_another_machine_has_refreshed() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let (one, other) = (World::new(), World::new());
    let mut session = Session::start_with(&one, |command| fleet.join(command));
    assert_eq!(session.call(&gitlab), "200");
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' \
        AND datname = current_database()";
    until("the session listens", || {
        server.sql(fleet.database(), listens) == "1"
    });
    // Another machine's 401 makes it refresh.
    gitlab.expire_access_tokens();
    let url = user(&gitlab);
    let curl = [
        "run",
        "--",
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        &url,
    ];
    assert_eq!(fleet.call(&other, &curl).expect(0).stdout, "200");
    assert_eq!(gitlab.refreshes(), 1);
    gitlab.clear_seen();
    until("the new pair is used", || {
        gitlab.clear_seen();
        assert_eq!(session.call(&gitlab), "200");
        gitlab.seen().len() == 1
    });
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}
