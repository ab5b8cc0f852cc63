//! Ctrl-C at any moment stores nothing.

use std::process::Command;

use authsome_test_support::{Endpoint, Fault, Seen};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::browser::{consent, exchange_arrived, get_target};
use crate::kit::login::{LoginRun, TIMEOUT, assert_nothing_stored};
use crate::kit::{Outcome, World};

/// Waits for the prompt with the echo off, presses Ctrl-C, and looks how the terminal is left. The
/// program has the terminal for its own.
const MASKED_PROMPT: &str = include_str!("../kit/children/cancel_masked_prompt.py");

#[test]
fn ctrl_c_at_the_form_stores_nothing() {
    let mut walk = LoginRun::to_form();
    cancel(&mut walk);
}

#[test]
fn ctrl_c_while_the_provider_asks_stores_nothing() {
    let mut walk = LoginRun::to_form();
    walk.submit();
    walk.login.url();
    cancel(&mut walk);
}

#[test]
fn ctrl_c_during_the_exchange_stores_nothing() {
    let mut walk = LoginRun::to_consent(&[]);
    walk.gitlab
        .fault(Endpoint::Token, Fault::StallAfter(TIMEOUT), 1);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    let browser = std::thread::spawn(move || get_target(&callback).send_to_end());
    assert!(walk.gitlab.wait_for(TIMEOUT, exchange_arrived));
    let outcome = cancel(&mut walk);
    // What comes of a request that has been sent nobody knows.
    assert!(
        outcome.stderr.contains("waiting for the provider"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("was not revoked"),
        "{}",
        outcome.stderr
    );
    let page = browser.join().unwrap();
    assert!(!page.contains(" 200 "), "{page}");
}

#[test]
fn whatever_stops_it_while_the_account_is_looked_up_the_grant_is_revoked() {
    // Ctrl-C, a terminal that is closed, and a service manager.
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM] {
        let mut walk = LoginRun::to_consent(&[]);
        walk.gitlab.fault(Endpoint::Api, Fault::Stall(TIMEOUT), 1);
        let url = walk.login.url();
        let callback = consent(&walk.gitlab, &url);
        let browser = std::thread::spawn(move || get_target(&callback).send_to_end());
        let asked = |seen: &[Seen]| seen.iter().any(|seen| seen.path == "/api/v4/user");
        assert!(walk.gitlab.wait_for(TIMEOUT, asked));
        let outcome = stop(&mut walk, signal);
        assert!(outcome.stderr.contains("was revoked"), "{}", outcome.stderr);
        assert!(walk.gitlab.live_pairs().is_empty(), "no grant is left");
        browser.join().unwrap();
    }
}

#[test]
fn ctrl_c_at_the_masked_prompt_gives_the_terminal_back() {
    let world = World::new();
    let script = world.file("prompt.py", MASKED_PROMPT);
    let authsome = world.authsome([
        "login",
        "gitlab",
        "--client-id",
        "x",
        "--client-secret-file",
        "-",
    ]);
    let mut python = Command::new("python3");
    python
        .arg(script)
        .arg(authsome.get_program())
        .args(authsome.get_args());
    python.env("AUTHSOME_HOME", world.home());
    let outcome = Outcome::of(python.output().unwrap()).expect(0);
    assert_eq!(
        outcome.stdout.trim(),
        "code 2, echo on",
        "{}",
        outcome.stderr
    );
    assert_nothing_stored(&world);
}

/// Ctrl-C, and what must be true after it.
fn cancel(walk: &mut LoginRun) -> Outcome {
    stop(walk, Signal::SIGINT)
}

fn stop(walk: &mut LoginRun, signal: Signal) -> Outcome {
    let pid = Pid::from_raw(i32::try_from(walk.login.child.id()).unwrap());
    kill(pid, signal).unwrap();
    let outcome = walk.login.wait().expect(2);
    assert!(
        outcome.stderr.contains("nothing was stored"),
        "{}",
        outcome.stderr
    );
    assert_nothing_stored(&walk.world);
    outcome
}
