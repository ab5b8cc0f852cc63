//! A response of the token endpoint that is lost.

use std::io::Write;
use std::process::{Command, Stdio};

use authsome_test_support::kit::{browser_script, port_7998};
use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::refresh::{call, curl_with_head, expired, pair, status};
use crate::kit::{Outcome, Setup, World};

#[test]
fn a_lost_response_after_rotation_is_said_to_the_child() {
    let (world, gitlab) = expired();
    let outcome = lose_the_response(&world, &gitlab);
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
fn a_lost_response_is_said_to_the_user_with_the_command_to_type() {
    let (world, gitlab) = expired();
    let outcome = lose_the_response(&world, &gitlab);
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
fn a_lost_response_keeps_the_record_and_shows_in_the_status() {
    let (world, gitlab) = Setup::unconnected();
    let (_, before) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    lose_the_response(&world, &gitlab);
    assert_eq!(status(&world), "needs_login");
    assert_eq!(pair(&world), before);
    assert_eq!(
        gitlab.refreshes(),
        1,
        "the response was lost, not the request"
    );
}

#[test]
fn a_new_login_mends_a_lost_grant() {
    let (world, gitlab) = Setup::unconnected();
    let (app, _) = world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
    lose_the_response(&world, &gitlab);
    world.login(&gitlab, &app, &["--force"]).expect(0);
    assert_eq!(status(&world), "connected");
    assert_eq!(call(&world, &gitlab), "200");
}

#[test]
fn the_command_that_the_hint_names_mends_a_lost_grant() {
    let (world, gitlab) = expired();
    let outcome = lose_the_response(&world, &gitlab);
    let (_, body) = outcome.stdout.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let hint = body["hint"].as_str().unwrap().to_owned();
    let command = hint.split_once("authsome ").unwrap().1;
    let words = command.split_once(';').unwrap().0.split(' ');
    // A browser that knows this server only; for any other it ends the login, which would wait for
    // its user.
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

#[test]
fn a_pair_that_came_whole_is_stored_though_its_response_has_no_end() {
    for by_length in [true, false] {
        let (world, gitlab) = expired();
        gitlab.fault(Endpoint::Token, Fault::Unended { by_length }, 1);
        assert_eq!(call(&world, &gitlab), "200", "by its length: {by_length}");
        assert_eq!(status(&world), "connected");
        assert_eq!((gitlab.refreshes(), gitlab.token_requests()), (1, 1));
        assert_eq!(gitlab.live_pairs(), [pair(&world)]);
    }
}

/// A session with one request, the response to whose refresh is lost; head and body of what the
/// child got.
fn lose_the_response(world: &World, gitlab: &FakeGitLab) -> Outcome {
    gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
    world.run(curl_with_head(gitlab)).expect(0)
}

/// Written by a child: open for writing in this process, it could be inherited by another test's
/// child, and then not be run.
fn write_script(path: &std::path::Path, content: &str) {
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]);
    let mut writer = writer.arg(path).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = writer.stdin.take().unwrap();
    stdin.write_all(content.as_bytes()).unwrap();
    drop(stdin);
    assert!(writer.wait().unwrap().success());
}
