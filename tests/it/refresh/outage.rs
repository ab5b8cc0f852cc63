//! A token that cannot be renewed for now.

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::Setup;
use crate::kit::refresh::{bearers, call, curl_with_head, expired, pair, status};
use crate::kit::session::Session;

#[test]
fn an_expired_token_that_cannot_be_renewed_for_now_is_a_503_that_says_when() {
    let (world, gitlab) = expired();
    let before = pair(&world);
    down_for_a_minute(&gitlab);
    let outcome = world.run(curl_with_head(&gitlab)).expect(0);
    let (head, body) = outcome.stdout.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert_eq!(head.split(' ').nth(1), Some("503"), "{head}");
    assert!(
        head.contains("authsome-error: refresh_unavailable"),
        "{head}"
    );
    let wait = head
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let wait: u64 = wait.unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"], "refresh_unavailable");
    assert_eq!(pair(&world), before);
    assert_eq!(status(&world), "expired");
}

#[test]
fn while_the_pause_lasts_the_503_comes_without_a_request_to_the_token_endpoint() {
    let (world, gitlab) = expired();
    down_for_a_minute(&gitlab);
    let mut session = Session::start(&world);
    assert_eq!(session.call(&gitlab), "503");
    let asked = gitlab.token_requests();
    assert_eq!(session.call(&gitlab), "503");
    session.end(0);
    assert_eq!(gitlab.token_requests(), asked);
    assert_eq!(bearers(&gitlab), [""; 0], "nothing goes out expired");
}

#[test]
fn a_pair_that_another_process_got_meanwhile_ends_the_pause() {
    let (world, gitlab) = expired();
    down_for_a_minute(&gitlab);
    let mut session = Session::start(&world);
    assert_eq!(session.call(&gitlab), "503");
    gitlab.clear_faults();
    world.call(["export", "gitlab"]).expect(0);
    // A 503 is for where no valid token is left; now there is one.
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_session_that_was_told_to_log_in_takes_the_new_login() {
    let (world, gitlab) = Setup::unconnected();
    let (app, _) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
    let mut session = Session::start(&world);
    assert_eq!(session.call(&gitlab), "401");
    world.login(&gitlab, &app, &["--force"]).expect(0);
    assert_eq!(session.call(&gitlab), "200");
    let outcome = session.end(0);
    // What was mended is not asked for at the end.
    let asked = outcome.stderr.matches("authsome login").count();
    assert_eq!(asked, 0, "{}", outcome.stderr);
}

#[test]
fn export_of_what_cannot_be_renewed_for_now_fails_with_5() {
    let (world, gitlab) = expired();
    down_for_a_minute(&gitlab);
    let outcome = world.call(["--json", "export", "gitlab"]).expect(5);
    assert_eq!(outcome.json()["error"], "refresh_unavailable");
}

#[test]
fn an_invalid_grant_of_a_lagging_replica_is_tried_again() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, Fault::InvalidGrantOnce, 1);
    assert_eq!(call(&world, &gitlab), "200");
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(status(&world), "connected");
}

/// Takes the whole back-off of 1, 3 and 10 seconds.
#[test]
fn a_grant_that_the_user_revoked_ends_in_needs_login_with_the_record_kept() {
    let (world, gitlab) = Setup::unconnected();
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    gitlab.revoke_all();
    let outcome = world.run(curl_with_head(&gitlab)).expect(0);
    let head = outcome.stdout.to_ascii_lowercase();
    assert!(head.contains("authsome-error: needs_login"), "{head}");
    assert!(
        outcome.stderr.contains("authsome login gitlab"),
        "{}",
        outcome.stderr
    );
    assert_eq!(gitlab.token_requests(), 4);
    assert_eq!(status(&world), "needs_login");
    assert_eq!(pair(&world), before);
    // What is known to be dead does not go out again.
    gitlab.clear_seen();
    let export = world.call(["--json", "export", "gitlab"]);
    assert_eq!(gitlab.seen().len(), 0, "{export:?}");
}

fn down_for_a_minute(gitlab: &FakeGitLab) {
    let down = Fault::Status {
        code: 503,
        retry_after: Some(60),
    };
    gitlab.fault(Endpoint::Token, down, 1000);
}
