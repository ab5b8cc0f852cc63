//! What is pasted, and what is printed.

use std::io::Write;
use std::net::TcpListener;

use authsome_test_support::AuthorizeResponse;
use authsome_test_support::kit::port_7998;

use crate::kit::Setup;
use crate::kit::browser::{consent, parameter};
use crate::kit::login::{LoginRun, REDIRECT_URI};

#[test]
fn the_final_address_can_be_pasted_after_garbage() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    walk.login.paste("\n\n  \nhello\n");
    walk.login.said("not a URL with a query");
    walk.login
        .paste("http://127.0.0.1:7998/auth/callback/oauth\n");
    walk.login.said("not a URL with a query");
    walk.login
        .paste(&format!("{REDIRECT_URI}?code=c&state=forged\n"));
    walk.login.said("still waiting");
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("  {callback}  \n"));
    let outcome = walk.login.end().expect(0);
    assert!(
        outcome.stderr.contains("Connected GitLab as ada"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains(&parameter(&callback, "code")));
}

#[test]
fn bytes_that_are_no_text_do_not_end_the_paste() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    walk.login
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"\xff\xfe\n")
        .unwrap();
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("{callback}\n"));
    walk.login.end().expect(0);
}

#[test]
fn a_pasted_refusal_ends_the_login() {
    let mut walk = LoginRun::to_consent(&[]);
    walk.gitlab.authorize_responses(AuthorizeResponse::Deny);
    let url = walk.login.url();
    let callback = consent(&walk.gitlab, &url);
    walk.login.paste(&format!("{callback}\n"));
    let outcome = walk.login.end().expect(2);
    assert!(
        outcome.stderr.contains("access_denied"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_end_of_stdin_ends_the_first_step() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    assert!(url.contains("/oauth/authorize?"), "{url}");
    drop(walk.login.stdin.take());
    let outcome = walk.login.end().expect(0);
    assert!(
        outcome.stderr.contains("authsome login --resume "),
        "{outcome:?}"
    );
}

#[test]
fn a_taken_port_is_said_with_who_holds_it() {
    let (world, gitlab) = Setup::unconnected();
    let _port = port_7998();
    let _taken = TcpListener::bind("127.0.0.1:7998").unwrap();
    let base = gitlab.base_url();
    let ca = gitlab.ca_file().display().to_string();
    let words = [
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &base,
        "--ca-file",
        &ca,
    ];
    let outcome = world.call(words).expect(8);
    let holder = format!("process {}", std::process::id());
    assert!(outcome.stderr.contains("port 7998"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&holder), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    let error = world
        .call(words.into_iter().chain(["--json"]))
        .expect(8)
        .json();
    assert_eq!(error["error"], "port_unavailable");
}

#[test]
fn a_login_while_another_waits_is_told_of_it() {
    let walk = LoginRun::to_form();
    let outcome = walk
        .world
        .call(["login", "gitlab", "--no-browser"])
        .expect(8);
    assert!(outcome.stderr.contains("authsome"), "{}", outcome.stderr);
    let holder = format!("process {}", walk.login.child.id());
    assert!(outcome.stderr.contains(&holder), "{}", outcome.stderr);
}

#[test]
fn the_login_as_json_prints_one_object_and_nothing_secret() {
    let mut walk = LoginRun::to_consent(&["--json"]);
    let url = walk.login.url();
    let outcome = walk.finish(&url).expect(0);
    let got = outcome.json();
    assert_eq!(got["connection"], "default");
    assert_eq!(got["account"]["label"], "ada");
    assert_eq!(got["is_default"], true);
    let pair = &walk.gitlab.live_pairs()[0];
    assert!(!outcome.stdout.contains(&pair.access) && !outcome.stdout.contains(&pair.refresh));
}
