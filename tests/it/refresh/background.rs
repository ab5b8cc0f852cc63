//! A token that is due is renewed beside the requests.

use std::time::Duration;

use authsome_test_support::{Endpoint, Fault};

use crate::kit::refresh::{bearers, count_events, expired, pair, status, user, wait_for_refresh};
use crate::kit::session::Session;
use crate::kit::{Setup, until};

/// Longer than any test: such a stall ends when the test cuts the connection, and the refresh is
/// then tried again.
const FOR_EVER: Duration = Duration::from_hours(1);

#[test]
fn a_due_token_serves_requests_while_its_refresh_is_under_way() {
    let (world, gitlab) = Setup::unconnected();
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
    let (world, gitlab) = Setup::unconnected();
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
    let (world, gitlab) = Setup::unconnected();
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
    let (world, gitlab) = Setup::unconnected();
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
