//! What the token endpoint may leave out, and what never takes the place of a pair.

use std::time::Duration;

use authsome_test_support::{Endpoint, Fault};

use crate::kit::refresh::{age, call, expired, pair, status};

#[test]
fn a_response_without_a_refresh_token_keeps_the_old_one() {
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
fn a_response_without_a_lifetime_is_good_until_the_server_says_otherwise() {
    let (world, gitlab) = expired();
    gitlab.fault(Endpoint::Token, Fault::NoExpiresIn, 1);
    world.call(["export", "gitlab"]).expect(0);
    assert_eq!(world.stored("default").tokens.expires_at, None);
    assert_eq!(status(&world), "connected");
    assert_eq!(call(&world, &gitlab), "200");
    assert_eq!(gitlab.refreshes(), 1);
}

#[test]
fn a_response_that_is_no_token_never_takes_the_place_of_the_pair() {
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
fn a_response_that_breaks_off_after_rotation_ends_in_needs_login_with_the_record_kept() {
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
