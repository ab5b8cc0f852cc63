//! A clock that is set, and a provider that was away.

use std::time::{Duration, Instant};

use authsome::clock::Timestamp;
use authsome_test_support::{Endpoint, Fault};

use crate::kit::faults::{Faults, expect_kept};
use crate::kit::refresh::expired;
use crate::kit::session::Session;
use crate::kit::{Outcome, until};

/// How soon a provider that is back must be asked again.
const NOTICED: Duration = Duration::from_millis(3500);

#[test]
fn a_clock_that_was_wrong_for_a_while_leaves_no_pause_behind() {
    let (world, gitlab) = expired();
    let away = Fault::Status {
        code: 503,
        retry_after: Some(60),
    };
    gitlab.fault(Endpoint::Token, away, 1000);
    let faults = Faults::new(&world);
    let mut session = Session::start_with(&world, |command| faults.prepare(command));
    session.tell("unset LD_PRELOAD");
    assert_eq!(session.call(&gitlab), "503");
    faults.order("clock", 86_400);
    assert_eq!(session.call(&gitlab), "503");
    faults.end();
    gitlab.clear_faults();
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    expect_kept(&world, &gitlab, "a wrong clock");
}

#[test]
fn a_pair_that_came_under_a_clock_of_tomorrow_is_renewed_when_the_clock_is_right() {
    let (world, gitlab) = expired();
    let faults = Faults::new(&world);
    faults.order("clock", 86_400);
    let mut export = world.authsome(["export", "gitlab"]);
    faults.prepare(&mut export);
    Outcome::of(export.output().unwrap()).expect(0);
    let now = Timestamp::now();
    assert!(world.stored("default").tokens.obtained_at > now);
    let mut session = Session::start(&world);
    until("a pair with the right time", || {
        world.stored("default").tokens.obtained_at <= Timestamp::now()
    });
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 2);
}

#[test]
fn a_provider_that_was_away_is_asked_again_as_soon_as_it_is_back() {
    let (world, gitlab) = expired();
    gitlab.refuse(true);
    let mut session = Session::start(&world);
    assert_eq!(session.call(&gitlab), "503");
    gitlab.refuse(false);
    let back = Instant::now();
    until("a response", || session.call(&gitlab) == "200");
    let waited = back.elapsed();
    assert!(waited < NOTICED, "{waited:?}");
    session.end(0);
    expect_kept(&world, &gitlab, "away");
}
