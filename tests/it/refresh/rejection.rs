//! A 401 of the API.

use authsome_test_support::FakeGitLab;

use crate::kit::refresh::{age, bearers, call, expired_at_the_server, pair, status};
use crate::kit::session::Session;
use crate::kit::{Setup, World};

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
    let (world, gitlab) = Setup::unconnected();
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
    let (world, gitlab) = Setup::unconnected();
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

#[test]
fn a_body_beyond_64_kib_is_never_repeated_and_the_next_request_has_a_new_token() {
    let (world, gitlab) = expired_at_the_server();
    let mut session = Session::start(&world);
    let response = session.tell(&post_at_once(&world, &gitlab, 64 * 1024 + 1));
    assert!(response.contains("invalid_token"), "{response}");
    assert_eq!(bearers(&gitlab).len(), 1, "it arrived once");
    assert_eq!(session.call(&gitlab), "200");
    session.end(0);
    assert_eq!(gitlab.refreshes(), 1);
}

fn expect_repeated_body(size: usize) {
    let (world, gitlab) = Setup::unconnected();
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

/// The command for a POST of that many bytes to the echo, in a shell.
fn post(world: &World, gitlab: &FakeGitLab, size: usize) -> String {
    let body = world.file("body", &"0123456789abcdef-".repeat(size / 17 + 1)[..size]);
    format!(
        "curl -sS --max-time 50 --data-binary @'{}' '{}/api/v4/echo'",
        body.display(),
        gitlab.base_url()
    )
}

/// The same, with the head and what follows it in one TLS record: curl may still be about to send
/// the body when the 401 comes, and what none has been asked of is repeated whatever its size.
fn post_at_once(world: &World, gitlab: &FakeGitLab, size: usize) -> String {
    let script = world.file("post.py", include_str!("../kit/children/post_at_once.py"));
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    format!("python3 '{}' '{url}' {size}", script.display())
}
