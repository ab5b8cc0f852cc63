//! A machine that the database cannot be reached from, or whose connection breaks off, while all
//! others reach it.

use std::thread;
use std::time::{Duration, Instant};

use authsome_test_support::{Endpoint, FakeGitLab, Fault, Postgres};

use super::gate::Side::{After, Before};
use super::gate::{Gate, Stop};
use super::kit::Fleet;
use super::order::{call_as, never_back};
use crate::kit::session::Session;
use crate::kit::{World, until};

/// It is cut off when the provider has rotated, and the response is on its way. It goes on with the
/// new pair; another machine takes over after the lease, with the spent refresh token, and gets the
/// pair once the first one is back.
#[test]
fn a_machine_that_is_cut_off_during_the_call_brings_the_only_pair_when_it_is_back() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server).leased(5), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let gate = Gate::to(server);
    let by_gate = fleet.by_port(gate.port);
    let (one, two) = (World::new(), World::new());
    let mut other = Session::start_with(&two, |command| fleet.join(command));
    assert_eq!(call_as("other", &mut other, &gitlab), "200");
    fleet.age(0);
    gitlab.expire_access_tokens();
    let slow = Fault::StallAfter(Duration::from_secs(1));
    gitlab.fault(Endpoint::Token, slow, 1);
    let mut cut_off = Session::start_with(&one, |command| by_gate.join(command));
    until("the rotation", || gitlab.refreshes() == 1);
    gate.cut_off(true);
    assert_eq!(call_as("cut-off", &mut cut_off, &gitlab), "200");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| call_as("other", &mut other, &gitlab));
        until("the other one has tried", || gitlab.token_requests() > 1);
        gate.cut_off(false);
        assert_eq!(waiting.join().unwrap(), "200");
    });
    assert_eq!(call_as("cut-off", &mut cut_off, &gitlab), "200");
    assert_eq!(fleet.pair(), gitlab.live_pairs().pop().unwrap());
    assert_eq!(gitlab.refreshes(), 1);
    cut_off.end(0);
    other.end(0);
    println!("tokens sent: {:?}", never_back(&gitlab));
}

/// The pair is in the machine's file, and its lease goes on. So it writes the pair on another
/// connection, and nobody tries the spent refresh token meanwhile.
#[test]
fn a_connection_that_breaks_off_at_any_step_makes_nobody_try_a_spent_token() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab) = (Fleet::on(server), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let gate = Gate::to(server).breaks_off();
    let by_gate = fleet.by_port(gate.port);
    let (broken_world, other_world) = (World::new(), World::new());
    let mut broken = Session::start_with(&broken_world, |command| by_gate.join(command));
    let mut other = Session::start_with(&other_world, |command| fleet.join(command));
    assert_eq!(call_as("broken", &mut broken, &gitlab), "200");
    assert_eq!(call_as("other", &mut other, &gitlab), "200");
    let (mut rounds, first) = (0, "INSERT INTO authsome.lease");
    for at in STATEMENTS {
        for side in [Before, After] {
            rounds += 1;
            fleet.age(0);
            gitlab.expire_access_tokens();
            let first = if at == first { "" } else { first };
            gate.arm(Stop { first, at, side });
            let begun = Instant::now();
            thread::scope(|scope| {
                let calling = scope.spawn(|| call_as("broken", &mut broken, &gitlab));
                gate.wait();
                assert_eq!(
                    call_as("other", &mut other, &gitlab),
                    "200",
                    "{at} {side:?}"
                );
                assert_eq!(calling.join().unwrap(), "200", "{at} {side:?}");
            });
            // The lease is 30 s long.
            assert!(begun.elapsed() < Duration::from_secs(15), "{at} {side:?}");
            until("the lease is released", || gate.passed(RELEASE).is_some());
            assert!(
                gate.passed("COMMIT") < gate.passed(RELEASE),
                "{at} {side:?}"
            );
            assert_eq!(gitlab.refreshes(), rounds, "{at} {side:?}");
            assert_eq!(gitlab.token_requests(), rounds, "{at} {side:?}");
            assert_eq!(fleet.pair(), gitlab.live_pairs().pop().unwrap());
        }
    }
    broken.end(0);
    other.end(0);
    println!("tokens sent: {:?}", never_back(&gitlab));
}

/// The server is there, so it is no reason to end with code 9.
#[test]
fn a_start_goes_on_after_a_connection_that_breaks_off() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let (fleet, gitlab, machine) = (Fleet::on(server), FakeGitLab::start(), World::new());
    fleet.connect(&gitlab, 7200);
    let gate = Gate::to(server).breaks_off();
    let by_gate = fleet.by_port(gate.port);
    for at in ["version()", "readable_by", "SELECT generation, sealed"] {
        for side in [Before, After] {
            let first = "";
            gate.arm(Stop { first, at, side });
            let listed = by_gate.call(&machine, &["list", "--json"]).expect(0);
            gate.wait();
            assert!(listed.stdout.contains("connected"), "{at}: {listed:?}");
        }
    }
}

/// The statements of a renewal.
const STATEMENTS: [&str; 8] = [
    "INSERT INTO authsome.lease",
    "SELECT generation, sealed FROM authsome.record",
    "START TRANSACTION",
    "UPDATE authsome.vault SET generation = greatest",
    "FOR UPDATE",
    "UPDATE authsome.record SET generation",
    "COMMIT",
    RELEASE,
];

const RELEASE: &str = "SET until = clock_timestamp() WHERE";
