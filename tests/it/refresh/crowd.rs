//! Many requests and processes refresh once.

use std::process::Child;

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::refresh::{count_events, expired, pair, user};
use crate::kit::session::spawn;
use crate::kit::{Outcome, Setup, World, until};

/// Requests of the busy session of a crowd.
const REQUESTS: usize = 40;

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
    let (world, gitlab) = Setup::unconnected();
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
