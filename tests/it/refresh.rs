//! Refresh: once for all who need it, never losing a pair, and said plainly where a new login is the only way.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use authsome::clock::Timestamp;
use authsome::connection::{Standing, Tokens};
use authsome_test_support::kit::{browser_script, port_7998};
use authsome_test_support::{App, Arrived, Endpoint, FakeGitLab, Fault, Pair, Seen};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::kit::{Outcome, World, id};

/// Far beyond what any awaited event takes, so that a test which waits in vain ends.
const DEADLINE: Duration = Duration::from_mins(1);

/// Longer than any test: such a stall ends when the test cuts the connection, and the refresh is then tried again.
const FOR_EVER: Duration = Duration::from_hours(1);

/// Requests of the busy session of a crowd.
const REQUESTS: usize = 40;

// ---------------------------------------------------------------------------------------------
// A crowd over one token
// ---------------------------------------------------------------------------------------------

#[test]
fn thirty_sessions_and_forty_requests_over_an_expired_token_refresh_once() {
    expect_one_refresh(30, |_| {});
}

#[test]
fn a_crowd_refreshes_once_where_the_token_endpoint_answers_500_once() {
    let fault = Fault::Status {
        code: 500,
        retry_after: None,
    };
    expect_one_refresh(30, |gitlab| gitlab.fault(Endpoint::Token, fault, 1));
}

#[test]
fn a_crowd_refreshes_once_where_the_token_endpoint_answers_429_once() {
    let fault = Fault::Status {
        code: 429,
        retry_after: Some(1),
    };
    expect_one_refresh(30, |gitlab| gitlab.fault(Endpoint::Token, fault, 1));
}

#[test]
fn a_crowd_refreshes_once_where_the_token_endpoint_closes_the_connection_once() {
    expect_one_refresh(30, |gitlab| {
        gitlab.fault(Endpoint::Token, Fault::Close, 1);
    });
}

#[test]
fn a_crowd_refreshes_once_where_the_token_endpoint_resets_the_connection_once() {
    expect_one_refresh(30, |gitlab| {
        gitlab.fault(Endpoint::Token, Fault::Reset, 1);
    });
}

#[test]
fn a_crowd_refreshes_once_where_the_server_was_away_at_first() {
    let (world, gitlab) = expired();
    gitlab.refuse(true);
    let crowd = Crowd::start(&world, &gitlab, 30);
    // Somebody has tried in vain.
    until("a refresh that failed", || {
        count_events(&world, "refresh_failed") > 0
    });
    gitlab.refuse(false);
    crowd.expect_all_served();
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_crowd_over_a_due_token_refreshes_once() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    Crowd::start(&world, &gitlab, 12).expect_all_served();
    assert_eq!(gitlab.refreshes(), 1);
}

fn expect_one_refresh(sessions: usize, trouble: impl FnOnce(&FakeGitLab)) {
    let (world, gitlab) = expired();
    trouble(&gitlab);
    Crowd::start(&world, &gitlab, sessions).expect_all_served();
    assert_eq!(gitlab.refreshes(), 1);
    let newest = gitlab.live_pairs().pop().unwrap();
    assert_eq!(pair(&world), newest, "the vault has the pair of the server");
}

/// Many sessions at once, one of them with many requests at once.
struct Crowd(Vec<Child>);

impl Crowd {
    fn start(world: &World, gitlab: &FakeGitLab, sessions: usize) -> Self {
        let curl = ["run", "--", "curl", "-sS", "--max-time", "100"];
        let report = ["-o", "/dev/null", "-w", "%{http_code}\\n"];
        let parallel = ["--parallel", "--parallel-immediate", "--parallel-max", "40"];
        let (one, many) = (user(gitlab), format!("{}?n=[1-{REQUESTS}]", user(gitlab)));
        let start = |busy: bool| {
            let mut command = world.authsome(curl);
            command.args(report);
            if busy {
                command.args(parallel).arg(&many);
            } else {
                command.arg(&one);
            }
            spawn(&mut command)
        };
        Self((0..sessions).map(|number| start(number == 0)).collect())
    }

    fn expect_all_served(self) {
        let expected = REQUESTS + self.0.len() - 1;
        let mut statuses = Vec::new();
        let mut words = String::new();
        for process in self.0 {
            let outcome = Outcome::of(process.wait_with_output().unwrap());
            statuses.extend(outcome.stdout.lines().map(str::to_owned));
            words.push_str(&outcome.stderr);
        }
        let served = statuses.iter().filter(|status| *status == "200").count();
        assert_eq!(served, expected, "{statuses:?}\n{words}");
    }
}

// ---------------------------------------------------------------------------------------------
// A lost answer
// ---------------------------------------------------------------------------------------------

#[test]
fn a_lost_answer_after_rotation_is_said_to_the_child() {
    let (world, gitlab) = expired();
    let outcome = lose_the_answer(&world, &gitlab);
    let (head, body) = outcome.stdout.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert_eq!(head.split(' ').nth(1), Some("401"), "{head}");
    assert!(head.contains("authsome-error: needs_login"), "{head}");
    assert!(
        !head.contains("basic"),
        "git would ask for a password: {head}"
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"], "needs_login");
    let hint = body["hint"].as_str().unwrap();
    assert!(hint.contains("authsome login gitlab"), "{hint}");
    assert!(hint.contains("--force"), "{hint}");
}

#[test]
fn a_lost_answer_is_said_to_the_user_with_the_command_to_type() {
    let (world, gitlab) = expired();
    let outcome = lose_the_answer(&world, &gitlab);
    let wanted = "authsome login gitlab --connection default --force";
    let said = outcome.stderr.contains(wanted) && outcome.stderr.contains("new login");
    assert!(said, "{}", outcome.stderr);
    // The next session says it at its start, and asks the provider nothing.
    let before = gitlab.token_requests();
    let again = world.run(["true"]).expect(0);
    assert!(again.stderr.contains(wanted), "{}", again.stderr);
    assert_eq!(gitlab.token_requests(), before);
}

#[test]
fn a_lost_answer_keeps_the_record_and_shows_in_the_status() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    lose_the_answer(&world, &gitlab);
    assert_eq!(status(&world), "needs_login");
    assert_eq!(pair(&world), before);
    assert_eq!(
        gitlab.refreshes(),
        1,
        "the answer was lost, not the request"
    );
}

#[test]
fn a_new_login_mends_a_lost_grant() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, _) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    lose_the_answer(&world, &gitlab);
    world.login(&gitlab, &app, &["--force"]).expect(0);
    assert_eq!(status(&world), "connected");
    assert_eq!(call(&world, &gitlab), "200");
}

#[test]
fn the_command_that_the_hint_names_mends_a_lost_grant() {
    let (world, gitlab) = expired();
    let outcome = lose_the_answer(&world, &gitlab);
    let (_, body) = outcome.stdout.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let hint = body["hint"].as_str().unwrap().to_owned();
    let words = hint.strip_prefix("authsome ").unwrap().split(' ');
    // A browser that knows this server only; for any other it ends the login, which would wait for its user.
    let follow = browser_script(&world.path(""), gitlab.ca_file());
    let browser = world.path("browser-here");
    let script = format!(
        "#!/bin/sh\nto=$(curl -q -s --noproxy '*' -o /dev/null -w '%{{redirect_url}}' \"$1\")\n\
         case \"$to\" in {}/*) exec '{}' \"$to\";; *) kill -INT \"$PPID\";; esac\n",
        gitlab.base_url(),
        follow.display()
    );
    write_script(&browser, &script);
    let _port = port_7998();
    let mut login = world.authsome(words);
    let outcome = Outcome::of(login.env("BROWSER", browser).output().unwrap());
    assert_eq!(outcome.code, Some(0), "{hint}\n{}", outcome.stderr);
    assert_eq!(call(&world, &gitlab), "200");
}

/// A session with one request, the answer to whose refresh is lost; head and body of what the child got.
fn lose_the_answer(world: &World, gitlab: &FakeGitLab) -> Outcome {
    gitlab.fault(Endpoint::Token, Fault::LostAnswer, 1);
    world.run(curl_with_head(gitlab)).expect(0)
}

// ---------------------------------------------------------------------------------------------
// Within the window
// ---------------------------------------------------------------------------------------------

#[test]
fn a_due_token_serves_requests_while_its_refresh_is_under_way() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    gitlab.fault(Endpoint::Token, Fault::Stall(FOR_EVER), 1);
    let mut session = Session::start(&world);
    wait_for_refresh(&gitlab);
    assert_eq!(session.call(&gitlab), "200");
    assert_eq!(
        bearers(&gitlab),
        [before.access.as_str()],
        "with the token in hand"
    );
    assert_eq!(gitlab.refreshes(), 0, "which needed no end of the refresh");
    gitlab.disconnect();
    until("the new pair in the vault", || pair(&world) != before);
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(pair(&world), gitlab.live_pairs().pop().unwrap());
}

#[test]
fn after_a_background_refresh_no_request_goes_out_with_the_dead_token() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let mut session = Session::start(&world);
    until("the refresh", || count_events(&world, "refresh") == 1);
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    // On git's paths each dead token counts towards the provider's ban.
    let sent = bearers(&gitlab);
    assert!(!sent.contains(&before.access), "{sent:?} of {before:?}");
}

#[test]
fn who_waits_for_a_refresh_begun_in_the_background_is_waited_for_through_a_transient_failure() {
    let (world, gitlab) = expired();
    let trouble = Fault::Status {
        code: 500,
        retry_after: None,
    };
    gitlab.fault(Endpoint::Token, Fault::Stall(FOR_EVER), 1);
    gitlab.fault(Endpoint::Token, trouble, 1);
    let mut session = Session::start(&world); // begins to refresh, before there is a request
    wait_for_refresh(&gitlab);
    let curl = "curl -sv --http1.1 --max-time 50 -o /dev/null -w '%{http_code}'";
    session.tell(&format!("exec 3< <({curl} '{}' 2>&1)", user(&gitlab)));
    session.tell("while read -r line <&3; do case $line in '> GET'*) break;; esac; done");
    gitlab.disconnect(); // and the next try meets the 500
    let words = session.tell("cat <&3");
    session.end(0);
    assert!(words.ends_with("200"), "{words}");
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn transient_failures_in_the_window_are_served_from_the_current_token() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let trouble = Fault::Status {
        code: 502,
        retry_after: None,
    };
    gitlab.fault(Endpoint::Token, trouble, 1000);
    let mut session = Session::start(&world);
    for number in 0..10 {
        assert_eq!(session.call(&gitlab), "200", "request {number}");
    }
    session.end(0);
    assert_eq!(pair(&world), before);
    assert_eq!(status(&world), "connected");
}

#[test]
fn a_failing_token_endpoint_is_not_asked_again_by_each_request() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 100);
    let trouble = Fault::Status {
        code: 503,
        retry_after: Some(60),
    };
    gitlab.fault(Endpoint::Token, trouble, 1000);
    let mut session = Session::start(&world);
    until("a refresh that failed", || {
        count_events(&world, "refresh_failed") > 0
    });
    for _ in 0..10 {
        assert_eq!(session.call(&gitlab), "200");
    }
    session.end(0);
    // It said when to come back: in a minute.
    assert_eq!(gitlab.token_requests(), 1);
}

// ---------------------------------------------------------------------------------------------
// Who leaves does not stop a refresh
// ---------------------------------------------------------------------------------------------

#[test]
fn the_pair_of_a_slow_refresh_is_stored_although_the_child_has_ended() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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

// ---------------------------------------------------------------------------------------------
// No token to be had
// ---------------------------------------------------------------------------------------------

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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, _) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.fault(Endpoint::Token, Fault::LostAnswer, 1);
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
    let (world, gitlab) = (World::new(), FakeGitLab::start());
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

// ---------------------------------------------------------------------------------------------
// A 401 of the provider
// ---------------------------------------------------------------------------------------------

#[test]
fn a_token_that_only_the_server_takes_for_expired_is_renewed_and_the_request_repeated() {
    let (world, gitlab) = expired_at_the_server();
    let before = pair(&world);
    assert_eq!(call(&world, &gitlab), "200");
    assert_eq!(gitlab.refreshes(), 1);
    assert_eq!(bearers(&gitlab), [before.access, pair(&world).access]);
}

#[test]
fn a_pair_that_another_process_renewed_is_adopted_without_a_refresh() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    let mut session = Session::start(&world);
    assert_eq!(session.call(&gitlab), "200");
    age(&world, 0);
    world.call(["export", "gitlab"]).expect(0);
    let after = pair(&world);
    assert_ne!(after, before);
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(
        bearers(&gitlab),
        [&before.access, &before.access, &after.access].map(String::as_str)
    );
    assert_eq!(gitlab.token_requests(), 1, "the other process's");
}

#[test]
fn a_401_that_is_not_about_the_token_passes_and_costs_one_refresh_at_most() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    let mut session = Session::start(&world);
    let denied = format!("{}/api/v4/unauthorized", gitlab.base_url());
    let ask = format!("curl -sS --max-time 50 '{denied}'");
    let provider_words = r#"{"message":"401 Unauthorized"}"#;
    assert_eq!(session.tell(&ask), provider_words);
    let refreshes = gitlab.refreshes();
    assert!(refreshes <= 1, "{refreshes}");
    assert_eq!(session.tell(&ask), provider_words);
    assert_eq!(
        gitlab.refreshes(),
        refreshes,
        "once has shown that it does not help"
    );
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(status(&world), "connected");
}

#[test]
fn a_small_body_is_repeated_with_its_request() {
    expect_repeated_body(5);
}

#[test]
fn a_body_of_64_kib_is_repeated_with_its_request() {
    expect_repeated_body(64 * 1024);
}

fn expect_repeated_body(size: usize) {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    let mut session = Session::start(&world);
    let post = post(&world, &gitlab, size);
    let first: serde_json::Value = serde_json::from_str(&session.tell(&post)).unwrap();
    assert_eq!(first["bytes"], size);
    gitlab.expire_access_tokens();
    gitlab.clear_seen();
    let second = session.tell(&post);
    let second: serde_json::Value = serde_json::from_str(&second).unwrap();
    session.end(0);
    assert_eq!(second["bytes"], first["bytes"], "{second}");
    assert_eq!(second["sha256"], first["sha256"]);
    assert_eq!(bearers(&gitlab), [before.access, pair(&world).access]);
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_body_beyond_64_kib_is_never_repeated_and_the_next_request_has_a_new_token() {
    let (world, gitlab) = expired_at_the_server();
    let mut session = Session::start(&world);
    let answer = session.tell(&post_at_once(&world, &gitlab, 64 * 1024 + 1));
    assert!(answer.contains("invalid_token"), "{answer}");
    assert_eq!(bearers(&gitlab).len(), 1, "it arrived once");
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

/// The command for a POST of that many bytes to the echo, in a shell.
fn post(world: &World, gitlab: &FakeGitLab, size: usize) -> String {
    let body = world.file("body", &"0123456789abcdef-".repeat(size / 17 + 1)[..size]);
    format!(
        "curl -sS --max-time 50 --data-binary @'{}' '{}/api/v4/echo'",
        body.display(),
        gitlab.base_url()
    )
}

/// The same, with the head and what follows it in one TLS record: curl may still be about to send the body when the 401 comes, and what none
/// has been asked of is repeated whatever its size.
fn post_at_once(world: &World, gitlab: &FakeGitLab, size: usize) -> String {
    let script = world.file("post.py", POST_AT_ONCE);
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    format!("python3 '{}' '{url}' {size}", script.display())
}

const POST_AT_ONCE: &str = r#"
import base64, os, socket, ssl, sys
from urllib.parse import urlsplit
url, size = urlsplit(sys.argv[1]), int(sys.argv[2])
proxy = urlsplit(os.environ["HTTPS_PROXY"])
stream = socket.create_connection((proxy.hostname, proxy.port))
password = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
place = f"{url.hostname}:{url.port}"
stream.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Authorization: Basic {password}\r\n\r\n".encode())
assert b" 200 " in stream.recv(4096)
stream = ssl.create_default_context().wrap_socket(stream, server_hostname=url.hostname)
head = f"POST {url.path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
stream.sendall(head.encode() + b"x" * size)
answer = b""
while piece := stream.recv(65536):
    answer += piece
print(answer.decode().replace("\r", "").replace("\n", " "))
"#;

// ---------------------------------------------------------------------------------------------
// Odd answers of the token endpoint
// ---------------------------------------------------------------------------------------------

#[test]
fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let (world, gitlab) = expired();
    let before = pair(&world);
    gitlab.fault(Endpoint::Token, Fault::NoRefreshToken, 1);
    world.call(["export", "gitlab"]).expect(0);
    let kept = pair(&world);
    assert_ne!(kept.access, before.access);
    assert_eq!(kept.refresh, before.refresh);
    age(&world, 0);
    assert_eq!(call(&world, &gitlab), "200", "and it still works");
    assert_eq!(gitlab.refreshes(), 2);
}

#[test]
fn a_lifetime_that_is_a_text_is_read() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, Fault::StringExpiresIn, 1);
    world.call(["export", "gitlab"]).expect(0);
    let lifetime = world.stored("default").tokens.lifetime();
    assert_eq!(lifetime, Some(Duration::from_hours(2)));
}

#[test]
fn an_answer_without_a_lifetime_is_good_until_the_server_says_otherwise() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, Fault::NoExpiresIn, 1);
    world.call(["export", "gitlab"]).expect(0);
    assert_eq!(world.stored("default").tokens.expires_at, None);
    assert_eq!(status(&world), "connected");
    assert_eq!(call(&world, &gitlab), "200");
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn an_answer_that_is_no_token_never_takes_the_place_of_the_pair() {
    let elsewhere = "https://127.0.0.1:9/oauth/token".to_owned();
    for fault in [
        Fault::MalformedJson,
        Fault::HtmlPage,
        Fault::Huge,
        Fault::Redirect(elsewhere),
    ] {
        let (world, gitlab) = expired();
        gitlab.fault(Endpoint::Token, fault.clone(), 1);
        let outcome = world.call(["export", "gitlab"]);
        assert_eq!(outcome.code, Some(0), "{fault:?}: {}", outcome.stderr);
        assert_eq!(gitlab.refreshes(), 1, "{fault:?}");
        assert_eq!(gitlab.live_pairs(), [pair(&world)], "{fault:?}");
    }
}

#[test]
fn an_answer_that_breaks_off_after_rotation_ends_in_needs_login_with_the_record_kept() {
    let (world, gitlab) = expired();
    let before = pair(&world);
    gitlab.fault(Endpoint::Token, Fault::HalfBody, 1);
    let outcome = world.call(["--json", "export", "gitlab"]).expect(5);
    assert_eq!(outcome.json()["error"], "needs_login");
    assert_eq!(pair(&world), before);
    assert_eq!(status(&world), "needs_login");
}

#[test]
fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let (world, gitlab) = expired();
    let trap = format!("{}/api/v4/echo", gitlab.base_url());
    gitlab.fault(Endpoint::Token, Fault::Redirect(trap), 1);
    world.call(["export", "gitlab"]).expect(0);
    let followed = gitlab.seen().iter().any(|seen| seen.path == "/api/v4/echo");
    assert!(!followed);
}

// ---------------------------------------------------------------------------------------------
// kill -9
// ---------------------------------------------------------------------------------------------

/// How many processes are killed.
const KILLS: u64 = 300;

#[test]
fn no_kill_at_any_moment_loses_a_pair_that_was_handed_out() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (app, _) = world.connect(&gitlab);
    let browser = browser_script(&world.path(""), gitlab.ca_file());
    let doors = Doors {
        world: &world,
        gitlab: &gitlab,
        app: &app,
        browser: &browser,
    };
    let mut lengths = Door::ALL.map(|door| doors.length(door));
    let mut chronicle = Chronicle::default();
    chronicle.read_on(&gitlab);
    let mut dice = Dice(0x5eed_0f16_17ab);
    let (mut amid, mut on_its_way) = (0, 0);
    for round in 0..KILLS {
        let door = Door::of(round);
        age(&world, 100 * (round % 2)); // expired, or due
        gitlab.clear_seen();
        let rotations = gitlab.refreshes();
        let length = &mut lengths[door as usize];
        let (was_running, printed) = doors.kill(door, dice.below(*length));
        // A machine that is busier or idler by now: most kills shall come amid the work.
        *length = *length * if was_running { 21 } else { 18 } / 20;
        amid += u64::from(was_running);
        let words = format!("round {round}, {door:?}");
        let list = world.call(["list"]);
        assert_eq!(list.code, Some(0), "{words}: {}", list.stderr);
        chronicle.read_on(&gitlab);
        chronicle.hand_out(printed.iter().chain(&doors.sent_by_children()));
        let now = pair(&world);
        let place = chronicle.place(&now.access);
        assert!(place >= chronicle.newest_handed_out, "{words}");
        // The server spent the refresh token, and the answer came to a dead process: the one loss that nobody can prevent.
        if !gitlab.live_pairs().contains(&now) {
            assert!(was_running && gitlab.refreshes() > rotations, "{words}");
            on_its_way += 1;
            world.connect(&gitlab);
            chronicle.read_on(&gitlab);
        }
    }
    assert!(amid > KILLS / 4, "only {amid} were killed amid their work");
    let refreshes = gitlab.refreshes();
    println!(
        "{KILLS} kills, {amid} of them amid the work, {refreshes} refreshes; {on_its_way} answers were on their way to a process that was dead"
    );
    assert!(on_its_way < KILLS / 5, "{on_its_way} grants were lost");
    assert!(refreshes > 10, "only {refreshes} refreshes took place");
}

#[test]
fn a_kill_while_the_vault_is_made_leaves_none_or_a_good_one() {
    let started = Instant::now();
    World::new().call(["list"]).expect(0);
    let length = started.elapsed();
    let mut dice = Dice(0x00c0_ffee);
    for round in 0..40 {
        let world = World::new();
        let mut process = spawn(&mut world.authsome(["list"]));
        std::thread::sleep(dice.below(length)); // the moment is what is tested
        process.kill().unwrap();
        process.wait().unwrap();
        let list = world.call(["list"]);
        assert_eq!(list.code, Some(0), "round {round}: {}", list.stderr);
    }
}

/// The commands that are killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    Export,
    Login,
    Run,
}

impl Door {
    pub(crate) const ALL: [Self; 3] = [Self::Export, Self::Login, Self::Run];

    pub(crate) fn of(round: u64) -> Self {
        match round % 10 {
            7 => Self::Login,
            digit if digit % 3 == 0 => Self::Run,
            _ => Self::Export,
        }
    }
}

pub(crate) struct Doors<'a> {
    pub(crate) world: &'a World,
    pub(crate) gitlab: &'a FakeGitLab,
    pub(crate) app: &'a App,
    pub(crate) browser: &'a std::path::Path,
}

impl Doors<'_> {
    pub(crate) fn command(&self, door: Door) -> Command {
        let mut command = match door {
            Door::Export => self.world.authsome(["export", "gitlab"]),
            Door::Login => self.world.authsome(["login", "gitlab", "--force"]),
            Door::Run => self.world.authsome(["run", "--", "curl", "-sS"]),
        };
        match door {
            Door::Export => {}
            Door::Login => {
                command.args(["--base-url", &self.gitlab.base_url()]);
                command.arg("--ca-file").arg(self.gitlab.ca_file());
                command.args(["--client-id", &self.app.client_id]);
                command.env("BROWSER", self.browser);
            }
            Door::Run => {
                command.arg(user(self.gitlab));
            }
        }
        command
    }

    /// How long the command takes where nobody kills it.
    pub(crate) fn length(&self, door: Door) -> Duration {
        age(self.world, 0);
        let _port = port_7998();
        let started = Instant::now();
        let outcome = Outcome::of(self.command(door).output().unwrap());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        started.elapsed()
    }

    /// Kills the command after that time: whether it was running still, and the token that it printed.
    fn kill(&self, door: Door, after: Duration) -> (bool, Option<String>) {
        let _port = matches!(door, Door::Login).then(port_7998);
        let mut process = spawn(&mut self.command(door));
        std::thread::sleep(after); // the moment is what is tested
        let running = process.try_wait().unwrap().is_none();
        process.kill().unwrap();
        let mut printed = String::new();
        // Until the end of the child too, which dies with its parent.
        let mut stdout = process.stdout.take().unwrap();
        stdout.read_to_string(&mut printed).unwrap();
        process.wait().unwrap();
        let token = printed.strip_prefix("GITLAB_ACCESS_TOKEN='");
        let token = token.and_then(|rest| rest.split_once('\''));
        (running, token.map(|(token, _)| token.to_owned()))
    }

    /// What children sent. A login asks with its new token whose it is before it stores it: that hands out nothing.
    fn sent_by_children(&self) -> Vec<String> {
        let seen = self.gitlab.seen();
        let of_child = |seen: &&Seen| {
            let agent = seen.header("user-agent").unwrap_or_default();
            agent.starts_with("curl/")
        };
        seen.iter().filter(of_child).filter_map(bearer).collect()
    }
}

/// The access tokens in the order in which the server issued them, and how far they were handed out.
#[derive(Default)]
struct Chronicle {
    known: HashSet<String>,
    issued: Vec<String>,
    newest_handed_out: usize,
}

impl Chronicle {
    /// Notes what is new. A kill lets no process refresh twice, so no pair comes and goes between two calls.
    fn read_on(&mut self, gitlab: &FakeGitLab) {
        for pair in gitlab.live_pairs() {
            if self.known.insert(pair.access.clone()) {
                self.issued.push(pair.access);
            }
        }
    }

    fn place(&self, access: &str) -> usize {
        let place = self.issued.iter().position(|issued| issued == access);
        place.expect("a token that the server has issued")
    }

    fn hand_out<'a>(&mut self, tokens: impl Iterator<Item = &'a String>) {
        let newest = tokens.map(|token| self.place(token)).max();
        self.newest_handed_out = self.newest_handed_out.max(newest.unwrap_or(0));
    }
}

/// Pseudo-random numbers, the same in each run (xorshift64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let micros = u64::try_from(limit.as_micros()).unwrap().max(1);
        Duration::from_micros(self.0 % micros)
    }
}

// ---------------------------------------------------------------------------------------------
// What all of them need
// ---------------------------------------------------------------------------------------------

/// A connection whose token has expired, by the vault's and by the server's reckoning.
pub(crate) fn expired() -> (World, FakeGitLab) {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    gitlab.expire_access_tokens();
    (world, gitlab)
}

/// A connection whose token only the server takes for expired.
pub(crate) fn expired_at_the_server() -> (World, FakeGitLab) {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url(), 3600);
    gitlab.expire_access_tokens();
    (world, gitlab)
}

/// Lets the vault's token end in that many seconds, whatever the server thinks.
pub(crate) fn age(world: &World, seconds: u64) {
    let store = world.store();
    let stored = store.load(&id("default")).unwrap().unwrap();
    let now = Timestamp::now().seconds();
    let mut connection = stored.connection;
    connection.tokens = Tokens {
        obtained_at: Timestamp::from_seconds(now - 7200),
        expires_at: Some(Timestamp::from_seconds(now + seconds)),
        ..connection.tokens
    };
    connection.standing = Standing::Good;
    store.replace(&connection, stored.generation).unwrap();
}

/// The pair in the vault.
pub(crate) fn pair(world: &World) -> Pair {
    let tokens = world.stored("default").tokens;
    Pair {
        access: tokens.access.expose().clone(),
        refresh: tokens.refresh.unwrap().expose().clone(),
    }
}

pub(crate) fn status(world: &World) -> String {
    let outcome = world.call(["get", "gitlab", "--field", "status"]).expect(0);
    outcome.stdout.trim().to_owned()
}

pub(crate) fn user(gitlab: &FakeGitLab) -> String {
    format!("{}/api/v4/user", gitlab.base_url())
}

/// The status of one request in a session of its own.
pub(crate) fn call(world: &World, gitlab: &FakeGitLab) -> String {
    let url = user(gitlab);
    let outcome = world.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &url]);
    outcome.expect(0).stdout
}

fn curl_with_head(gitlab: &FakeGitLab) -> [String; 6] {
    let words = [
        "curl",
        "-sS",
        "-i",
        "--suppress-connect-headers",
        "--http1.1",
    ];
    let [curl, silent, head, own, version] = words.map(str::to_owned);
    [curl, silent, head, own, version, user(gitlab)]
}

/// The tokens of the API's requests, in order.
fn bearers(gitlab: &FakeGitLab) -> Vec<String> {
    gitlab.seen().iter().filter_map(bearer).collect()
}

fn bearer(seen: &Seen) -> Option<String> {
    match &seen.credential {
        Arrived::Bearer { token } if seen.path.starts_with("/api/") => Some(token.clone()),
        _ => None,
    }
}

pub(crate) fn wait_for_refresh(gitlab: &FakeGitLab) {
    let asked = |seen: &[Seen]| seen.iter().any(|seen| seen.path == "/oauth/token");
    assert!(gitlab.wait_for(DEADLINE, asked), "nobody refreshes");
}

/// How many events of that kind are in the log.
fn count_events(world: &World, kind: &str) -> usize {
    let log = std::fs::read_to_string(world.home().join("audit.log")).unwrap_or_default();
    let wanted = format!(r#""event":"{kind}""#);
    log.lines().filter(|line| line.contains(&wanted)).count()
}

/// Waits for what has no bell: the vault's content, the log's.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn spawn(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Written by a child: open for writing in this process, it could be inherited by another test's child, and then not be run.
fn write_script(path: &std::path::Path, content: &str) {
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]);
    let mut writer = writer.arg(path).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = writer.stdin.take().unwrap();
    stdin.write_all(content.as_bytes()).unwrap();
    drop(stdin);
    assert!(writer.wait().unwrap().success());
}

/// A session whose child, a shell, does what it is told.
pub(crate) struct Session {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, |_| {})
    }

    /// The same in an environment of the caller's.
    pub(crate) fn start_with(world: &World, prepare: impl FnOnce(&mut Command)) -> Self {
        let shell = format!(
            "while IFS= read -r line; do eval \"$line\" </dev/null; echo; echo {DONE}; done"
        );
        let mut command = world.authsome(["run", "--", "bash", "-c", &shell]);
        prepare(&mut command);
        let mut process = spawn(command.stdin(Stdio::piped()));
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self {
            process,
            stdin,
            stdout,
        }
    }

    /// The process of authsome.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed())
    }

    /// Lets the shell do that; what it printed.
    pub(crate) fn tell(&mut self, command: &str) -> String {
        writeln!(self.stdin, "{command}").unwrap();
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "the session ended after {printed}");
            if line.trim_end() == DONE {
                return printed.trim().to_owned();
            }
            printed.push_str(&line);
        }
    }

    /// The status of one request.
    pub(crate) fn call(&mut self, gitlab: &FakeGitLab) -> String {
        let curl = "curl -sS --max-time 50 -o /dev/null -w '%{http_code}'";
        self.tell(&format!("{curl} '{}'", user(gitlab)))
    }

    /// Lets the shell exit with that code, which must be the session's.
    pub(crate) fn end(mut self, code: i32) -> Outcome {
        writeln!(self.stdin, "exit {code}").unwrap();
        drop(self.stdin);
        Outcome::of(self.process.wait_with_output().unwrap()).expect(code)
    }
}

/// What the shell prints after each command.
const DONE: &str = "--done--";
