//! A machine that stops beyond its lease, and machines that may not renew.

use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault, Postgres};
use nix::sys::signal::{Signal, kill};

use super::kit::Fleet;
use super::order::{call_as, curl_as, never_back};
use crate::kit::refresh::{bearers, user, wait_for_refresh};
use crate::kit::session::{Session, spawn};
use crate::kit::{Outcome, World, until};

/// The machine is stopped when the provider has rotated, and the response is on its way. Another
/// one takes over after the lease, with the spent refresh token. It gets the pair all the same.
#[test]
fn a_machine_that_was_stopped_beyond_its_lease_still_brings_the_only_pair() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server).leased(5), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    let slow = Fault::StallAfter(Duration::from_secs(1));
    gitlab.fault(Endpoint::Token, slow, 1);
    let (one, other) = (World::new(), World::new());
    let mut stopped = Session::start_with(&one, |command| fleet.join(command));
    wait_for_refresh(&gitlab);
    until("the rotation", || gitlab.refreshes() == 1);
    kill(stopped.pid(), Signal::SIGSTOP).unwrap();
    let shell = curl_as("other", &gitlab);
    let mut command = other.authsome(["run", "--", "bash", "-c", &shell]);
    fleet.join(&mut command);
    let waiting = spawn(&mut command);
    // It has the lease, and has been refused.
    until("another machine has tried", || gitlab.token_requests() > 1);
    let fences = "SELECT fence FROM authsome.lease";
    assert_ne!(server.sql(fleet.database(), fences), "1");
    kill(stopped.pid(), Signal::SIGCONT).unwrap();
    let outcome = Outcome::of(waiting.wait_with_output().unwrap());
    assert_eq!(outcome.stdout, "200", "{}", outcome.stderr);
    assert_eq!(call_as("stopped", &mut stopped, &gitlab), "200");
    stopped.end(0);
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(fleet.pair(), gitlab.live_pairs().pop().unwrap());
    println!("tokens sent: {:?}", never_back(&gitlab));
}

/// Nobody else was there: the machine that was stopped goes on under a lease of its own.
#[test]
fn a_machine_that_was_stopped_alone_writes_its_pair() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server).leased(5), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    let slow = Fault::StallAfter(Duration::from_secs(1));
    gitlab.fault(Endpoint::Token, slow, 1);
    let machine = World::new();
    let mut session = Session::start_with(&machine, |command| fleet.join(command));
    until("the rotation", || gitlab.refreshes() == 1);
    kill(session.pid(), Signal::SIGSTOP).unwrap();
    let held = "SELECT count(*) FROM authsome.lease WHERE until > clock_timestamp()";
    until("the lease has ended", || {
        server.sql(fleet.database(), held) == "0"
    });
    kill(session.pid(), Signal::SIGCONT).unwrap();
    assert_eq!(session.call(&gitlab), "200");
    until("the pair is in the vault", || {
        fleet.pair() == gitlab.live_pairs().pop().unwrap()
    });
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_role_that_may_only_read_uses_what_others_renew() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    let database = fleet.database();
    server.sql(
        database,
        "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA authsome TO reader; \
         GRANT SELECT ON ALL TABLES IN SCHEMA authsome TO reader",
    );
    let (reads, renews) = (World::new(), World::new());
    let reader = fleet.as_role("reader");
    let mut command = reads.authsome(["run", "--", "curl", "-sS", "--max-time", "60", "-o"]);
    command.args(["/dev/null", "-w", "%{http_code}", &user(&gitlab)]);
    reader.join(&mut command);
    let waiting = spawn(&mut command);
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'";
    until("it waits", || server.sql(database, connected) == "1");
    assert_eq!(gitlab.token_requests(), 0);
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
    assert_eq!(fleet.call(&renews, &curl).expect(0).stdout, "200");
    let outcome = Outcome::of(waiting.wait_with_output().unwrap());
    assert_eq!(outcome.stdout, "200", "{}", outcome.stderr);
    assert_eq!(gitlab.refreshes(), 1);
    let sent = bearers(&gitlab);
    let pair = fleet.pair();
    assert!(sent.iter().all(|token| *token == pair.access), "{sent:?}");
    reader.call(&reads, &["logout", "gitlab"]).expect(9);
    reader.call(&reads, &["list"]).expect(0);
}

/// As docs/fleet.md has it.
#[test]
fn a_role_may_renew_its_own_connections_alone() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    server.sql(
        fleet.database(),
        "ALTER TABLE authsome.record ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY shared ON authsome.record USING (kind <> 'connection'); \
         CREATE ROLE team_a LOGIN; CREATE ROLE team_b LOGIN; \
         GRANT USAGE ON SCHEMA authsome TO team_a, team_b; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA authsome TO team_a, team_b; \
         CREATE POLICY team_a ON authsome.record TO team_a \
         USING (kind = 'connection' AND name LIKE 'gitlab/d%'); \
         CREATE POLICY team_b ON authsome.record TO team_b \
         USING (kind = 'connection' AND name LIKE 'gitlab/e%')",
    );
    let machine = World::new();
    fleet
        .as_role("team_b")
        .call(&machine, &["get", "gitlab"])
        .expect(3);
    let exported = fleet
        .as_role("team_a")
        .call(&machine, &["export", "gitlab"]);
    assert!(exported.expect(0).stdout.contains(&fleet.pair().access));
    assert_eq!(gitlab.refreshes(), 1);
}
