//! PKCE, state, and how the client names itself.

use std::io::{Read, Write};
use std::net::TcpStream;

use authsome_test_support::kit::port_7998;
use authsome_test_support::{Arrived, FakeGitLab, Seen};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::kit::Setup;
use crate::kit::browser::{consent, field, get_target, is_exchange, parameter, visit};
use crate::kit::login::{Login, LoginRun, REDIRECT_URI, assert_nothing_stored, with_client_id};

#[test]
fn the_verifier_is_the_challenges_and_new_each_time() {
    let mut verifiers = Vec::new();
    for _ in 0..2 {
        let mut walk = LoginRun::to_consent(&[]);
        let url = walk.login.url();
        let outcome = walk.finish(&url).expect(0);
        let seen = walk.gitlab.seen();
        let verifier = field(exchange(&seen), "code_verifier").unwrap().to_owned();
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        assert_eq!(parameter(&url, "code_challenge"), challenge);
        assert!((43..=128).contains(&verifier.len()));
        assert!(!outcome.stderr.contains(&verifier));
        verifiers.push(verifier);
    }
    assert_ne!(verifiers[0], verifiers[1]);
}

#[test]
fn a_code_of_another_attempt_is_refused_by_pkce() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    let challenge = parameter(&url, "code_challenge");
    // An attacker injects a code that was issued for a challenge of his own.
    let other = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"the attacker's verifier"));
    let callback = consent(&walk.gitlab, &url.replace(&challenge, &other));
    assert_eq!(visit(&callback).status, 400);
    walk.login.end().expect(2);
    assert_nothing_stored(&walk.world);
}

#[test]
fn the_state_is_long_and_new_each_time() {
    let mut walk = LoginRun::to_consent(&[]);
    let first = parameter(&walk.login.url(), "state");
    drop(walk);
    let mut walk = LoginRun::to_consent(&[]);
    let second = parameter(&walk.login.url(), "state");
    assert_ne!(first, second);
    assert!(first.len() >= 22, "128 bits are 22 characters of base64");
}

#[test]
fn a_public_client_names_itself_in_the_body_only() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    let seen = walk.gitlab.seen();
    let exchange = exchange(&seen);
    assert_eq!(
        field(exchange, "client_id"),
        Some(walk.app.client_id.as_str())
    );
    assert_eq!(field(exchange, "client_secret"), None);
    assert_eq!(field(exchange, "redirect_uri"), Some(REDIRECT_URI));
    assert_eq!(exchange.header("authorization"), None);
    assert_eq!(exchange.query, None);
    assert_eq!(
        exchange.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn a_confidential_client_authenticates_in_one_fixed_way() {
    let mut walk = LoginRun::new(true, &[], |world, app| {
        let file = world.file(
            "secret",
            &format!("{}\n", app.client_secret.as_ref().unwrap()),
        );
        let flags = ["--client-id", &app.client_id, "--client-secret-file"];
        let file = file.display().to_string();
        flags
            .iter()
            .map(|&flag| flag.to_owned())
            .chain([file])
            .collect()
    });
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    let seen = walk.gitlab.seen();
    let exchange = exchange(&seen);
    assert_eq!(
        field(exchange, "client_secret"),
        walk.app.client_secret.as_deref()
    );
    assert_eq!(exchange.header("authorization"), None);
    assert!(
        !field(exchange, "code_verifier").unwrap().is_empty(),
        "PKCE all the same"
    );
    assert_eq!(walk.gitlab.token_requests(), 1, "no style is probed");
}

#[test]
fn the_account_is_asked_with_the_token_in_the_header_only() {
    let mut walk = LoginRun::to_consent(&[]);
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    let token = walk.gitlab.live_pairs()[0].access.clone();
    let mut carried = 0;
    for seen in walk.gitlab.seen() {
        assert!(!seen.query.as_deref().unwrap_or_default().contains(&token));
        if let Arrived::Bearer { token: found } = &seen.credential {
            assert_eq!((found, seen.path.as_str()), (&token, "/api/v4/user"));
            carried += 1;
        }
    }
    assert_eq!(carried, 1);
}

#[test]
fn a_relative_root_is_kept_in_every_endpoint() {
    let gitlab = FakeGitLab::builder().relative_root("/gitlab").start();
    let mut walk = LoginRun::at(gitlab, false, &[], with_client_id);
    let url = walk.login.url();
    walk.finish(&url).expect(0);
    assert!(
        walk.gitlab
            .seen()
            .iter()
            .all(|seen| seen.path.starts_with("/gitlab/"))
    );
    let base = walk
        .world
        .call(["get", "gitlab", "--field", "base_url"])
        .expect(0)
        .stdout;
    assert_eq!(base.trim(), walk.gitlab.base_url());
}

#[test]
fn a_server_with_an_unknown_ca_gets_no_code() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(false);
    let _port = port_7998();
    let words = [
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &gitlab.base_url(),
        "--client-id",
        &app.client_id,
    ];
    let mut login = Login::spawn(world.authsome(words), None);
    // An early check of the server may end the login before the browser's part.
    if let Some(url) = login.try_url()
        && let Ok(mut stream) = TcpStream::connect("127.0.0.1:7998")
    {
        let request = get_target(&consent(&gitlab, &url)).text();
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let outcome = login.end().expect(8);
    assert!(outcome.stderr.contains("--ca-file"), "{}", outcome.stderr);
    assert_eq!(gitlab.token_requests(), 0);
    assert_nothing_stored(&world);
}

fn exchange(seen: &[Seen]) -> &Seen {
    seen.iter().find(|seen| is_exchange(seen)).unwrap()
}
