//! Whoever leaves, logs in or revokes meanwhile: the pair is not lost.

use std::time::Duration;

use authsome_test_support::{Endpoint, Fault};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::refresh::{
    call, count_events, expired, expired_at_the_server, pair, user, wait_for_refresh,
};
use crate::kit::session::{Session, spawn};
use crate::kit::{Setup, until};

#[test]
fn the_pair_of_a_slow_refresh_is_stored_although_the_child_has_ended() {
    let (world, gitlab) = Setup::unconnected();
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let slow = Fault::StallAfter(Duration::from_secs(3));
    gitlab.fault(Endpoint::Token, slow, 1);
    let session = Session::start(&world);
    wait_for_refresh(&gitlab);
    let outcome = session.end(7);
    assert_eq!(gitlab.refreshes(), 1);
    let after = pair(&world);
    assert_ne!(after, before, "{}", outcome.stderr);
    assert!(gitlab.is_live(&after.access));
    assert_eq!(call(&world, &gitlab), "200");
}

#[test]
fn a_client_that_hangs_up_does_not_cancel_the_refresh_it_started() {
    let (world, gitlab) = expired_at_the_server();
    let slow = Fault::StallAfter(Duration::from_secs(2));
    gitlab.fault(Endpoint::Token, slow, 1);
    let mut session = Session::start(&world);
    let before = pair(&world);
    session.tell(&format!("curl -sS '{}' & pid=$!", user(&gitlab)));
    wait_for_refresh(&gitlab);
    let ended = session.tell("kill $pid; wait $pid; echo $?");
    assert!(ended.ends_with("143"), "{ended}");
    until("the new pair in the vault", || pair(&world) != before);
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_client_that_gives_up_in_time_finds_the_refresh_done_when_it_comes_back() {
    let (world, gitlab) = expired();
    let slow = Fault::StallAfter(Duration::from_secs(2));
    gitlab.fault(Endpoint::Token, slow, 1);
    let mut session = Session::start(&world);
    wait_for_refresh(&gitlab);
    let gone = session.tell(&format!(
        "curl -sS --max-time 0.2 '{}'; echo $?",
        user(&gitlab)
    ));
    assert!(gone.ends_with("28"), "{gone}");
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_login_during_a_slow_refresh_wins() {
    let (world, gitlab) = Setup::unconnected();
    let (app, _) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let slow = Fault::StallAfter(Duration::from_secs(5));
    gitlab.fault(Endpoint::Token, slow, 1);
    let mut session = Session::start(&world);
    wait_for_refresh(&gitlab);
    world.login(&gitlab, &app, &["--force"]).expect(0);
    let chosen = pair(&world);
    assert_eq!(
        session.call(&gitlab),
        "200",
        "the session takes the new login"
    );
    session.end(0); // waits for the refresh
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(pair(&world), chosen);
    assert_eq!(call(&world, &gitlab), "200");
}

#[test]
fn a_revocation_during_a_slow_refresh_ends_the_new_pair_too() {
    let (world, gitlab) = Setup::unconnected();
    world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let slow = Fault::StallAfter(Duration::from_secs(2));
    gitlab.fault(Endpoint::Token, slow, 1);
    let session = Session::start(&world);
    wait_for_refresh(&gitlab);
    let said = world.call(["revoke", "gitlab"]).expect(0);
    session.end(0);
    assert_eq!(gitlab.live_pairs(), [], "{}", said.stderr);
}

#[test]
fn an_export_that_is_interrupted_keeps_the_pair_that_it_asked_for() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (world, gitlab) = expired();
        let slow = Fault::StallAfter(Duration::from_secs(1));
        gitlab.fault(Endpoint::Token, slow, 1);
        let process = spawn(&mut world.authsome(["export", "gitlab"]));
        wait_for_refresh(&gitlab);
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
        process.wait_with_output().unwrap();
        assert_eq!(gitlab.refreshes(), 1);
        assert_eq!(gitlab.live_pairs(), [pair(&world)], "{signal}");
    }
}

#[test]
fn an_export_leaves_its_refresh_and_itself_in_the_log() {
    let (world, gitlab) = expired();
    world.call(["export", "gitlab"]).expect(0);
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(count_events(&world, "refresh"), 1);
    assert_eq!(count_events(&world, "export"), 1);
}
