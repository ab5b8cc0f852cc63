//! A server that is away: sessions go on with what they have, and lose nothing.

use std::time::Duration;

use authsome_test_support::{Endpoint, FakeGitLab, Fault, Postgres};

use super::kit::Fleet;
use super::order::{call_as, never_back};
use crate::kit::refresh::user;
use crate::kit::session::Session;
use crate::kit::{World, until};

/// How often the server is killed in the middle of the work.
const KILLS: usize = 20;

#[test]
fn a_session_goes_on_without_the_server_and_a_start_says_so() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let (one, other) = (World::new(), World::new());
    let mut session = Session::start_with(&one, |command| fleet.join(command));
    assert_eq!(session.call(&gitlab), "200");
    server.kill();
    assert_eq!(session.call(&gitlab), "200");
    // A body that cannot be sent twice, whose token is looked up in the vault first.
    let upload = format!(
        "head -c 200000 /dev/zero | curl -sS -T - -o /dev/null -w '%{{http_code}}' '{}'",
        user(&gitlab)
    );
    assert_ne!(session.tell(&upload), "503");
    let refused = fleet.call(&other, &["list"]).expect(9);
    assert!(
        refused.stderr.contains("cannot be reached"),
        "{}",
        refused.stderr
    );
    server.start_again();
    fleet.call(&other, &["list"]).expect(0);
    session.end(0);
}

#[test]
fn a_run_starts_from_the_copy_of_an_earlier_one() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let machine = World::new();
    let url = user(&gitlab);
    let curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url];
    let run = |flags: &[&str]| fleet.call(&machine, &[&["run"], flags, &["--"], &curl].concat());
    assert_eq!(run(&["--offline-ok"]).expect(0).stdout, "200");
    server.kill();
    run(&[]).expect(125);
    assert_eq!(run(&["--offline-ok"]).expect(0).stdout, "200");
    // Nothing is renewed: nobody knows whether another machine does.
    gitlab.expire_access_tokens();
    assert_eq!(run(&["--offline-ok"]).expect(0).stdout, "503");
    assert_eq!(gitlab.token_requests(), 0);
}

#[test]
fn a_pair_that_comes_while_the_server_is_away_is_kept_and_written_later() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    gitlab.fault(
        Endpoint::Token,
        Fault::StallAfter(Duration::from_secs(2)),
        1,
    );
    let (one, other) = (World::new(), World::new());
    let mut session = Session::start_with(&one, |command| fleet.join(command));
    until("the rotation", || gitlab.refreshes() == 1);
    server.kill();
    assert_eq!(session.call(&gitlab), "200");
    server.start_again();
    until("the pair is in the vault", || {
        fleet.pair() == gitlab.live_pairs().pop().unwrap()
    });
    let exported = fleet.call(&other, &["export", "gitlab"]).expect(0);
    assert!(exported.stdout.contains(&fleet.pair().access));
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_link_that_is_cut_during_the_call_costs_a_wait_and_no_pair() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    gitlab.fault(
        Endpoint::Token,
        Fault::StallAfter(Duration::from_secs(2)),
        1,
    );
    let machine = World::new();
    let mut session = Session::start_with(&machine, |command| fleet.join(command));
    until("the rotation", || gitlab.refreshes() == 1);
    server.cut_off(true);
    assert_eq!(session.call(&gitlab), "200");
    server.cut_off(false);
    until("the pair is in the vault", || {
        fleet.pair() == gitlab.live_pairs().pop().unwrap()
    });
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_machine_that_ends_meanwhile_writes_it_at_its_next_start() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server).leased(5), FakeGitLab::start());
    fleet.connect(&gitlab, 0);
    gitlab.expire_access_tokens();
    gitlab.fault(
        Endpoint::Token,
        Fault::StallAfter(Duration::from_secs(2)),
        1,
    );
    let machine = World::new();
    let mut session = Session::start_with(&machine, |command| fleet.join(command));
    until("the rotation", || gitlab.refreshes() == 1);
    server.kill();
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    server.start_again();
    // The lease of the session that could not release it has to end first.
    until("the pair is in the vault", || {
        fleet.call(&machine, &["list"]).expect(0);
        fleet.pair() == gitlab.live_pairs().pop().unwrap()
    });
}

#[test]
fn twenty_kills_of_the_server_lose_no_pair_and_no_request() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(&server).leased(5), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let machines = [World::new(), World::new(), World::new()];
    let mut sessions: Vec<_> = machines
        .iter()
        .map(|machine| Session::start_with(machine, |command| fleet.join(command)))
        .collect();
    let mut call_all = |round: usize| {
        for (session, machine) in sessions.iter_mut().zip(["one", "two", "three"]) {
            let status = call_as(machine, session, &gitlab);
            assert_eq!(status, "200", "{machine} in round {round}");
        }
    };
    call_all(0);
    for round in 1..=KILLS {
        server.kill();
        server.start_again();
        fleet.age(0);
        gitlab.expire_access_tokens();
        call_all(round);
        assert_eq!(gitlab.live_pairs().len(), 1, "round {round}");
    }
    for session in sessions {
        session.end(0);
    }
    until("the pair is in the vault", || {
        fleet.pair() == gitlab.live_pairs().pop().unwrap()
    });
    println!("tokens sent: {:?}", never_back(&gitlab));
}
