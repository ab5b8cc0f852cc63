//! A login in two steps: begun where no browser is, and finished with the browser's address.

use std::io::Write;
use std::process::Stdio;

use authsome_test_support::FakeGitLab;
use authsome_test_support::kit::port_7998;

use crate::kit::browser::consent;
use crate::kit::login::assert_nothing_stored;
use crate::kit::{Outcome, World};

/// The first step, whose standard input is at its end: the URL to open, and the code.
fn begin(world: &World, gitlab: &FakeGitLab, more: &[&str]) -> (String, String) {
    let app = gitlab.register_app(false);
    let _port = port_7998();
    let base = gitlab.base_url();
    let ca = gitlab.ca_file().display().to_string();
    let mut words = vec![
        "--json",
        "login",
        "gitlab/work",
        "--base-url",
        &base,
        "--ca-file",
        &ca,
    ];
    words.extend(["--client-id", &app.client_id, "--no-browser"]);
    words.extend(more);
    let begun = world.call(words).expect(0);
    assert!(!begun.stdout.contains("verifier"), "{begun:?}");
    let told = begun.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    assert_eq!(
        text("command"),
        format!("authsome login --resume {}", text("resume"))
    );
    (text("url"), text("resume"))
}

fn resume(world: &World, code: &str, address: &str) -> Outcome {
    let mut command = world.authsome(["login", "--resume", code]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut login = command.spawn().unwrap();
    let mut stdin = login.stdin.take().unwrap();
    stdin.write_all(address.as_bytes()).unwrap();
    drop(stdin);
    Outcome::of(login.wait_with_output().unwrap())
}

#[test]
fn the_address_of_a_browser_elsewhere_finishes_it() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (url, code) = begin(&world, &gitlab, &[]);
    let address = consent(&gitlab, &url);
    let outcome = resume(&world, &code, &address).expect(0);
    assert!(
        outcome.stderr.contains("connection gitlab/work"),
        "{outcome:?}"
    );
    let status = world
        .call(["get", "gitlab/work", "--field", "status"])
        .expect(0);
    assert_eq!(status.stdout, "connected\n");
    // A code is good for one try.
    let again = resume(&world, &code, &address).expect(2);
    assert!(
        again.stderr.contains("there is no login to resume"),
        "{again:?}"
    );
}

#[test]
fn the_address_of_another_login_does_not() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (url, code) = begin(&world, &gitlab, &[]);
    let address = consent(&gitlab, &url);
    let (other, _) = address.split_once("state=").unwrap();
    let forged = resume(&world, &code, &format!("{other}state=forged")).expect(2);
    assert!(forged.stderr.contains("state"), "{forged:?}");
    let unknown = resume(&world, "AAAAAAAAAAAA", &address).expect(2);
    assert!(
        unknown.stderr.contains("there is no login to resume"),
        "{unknown:?}"
    );
    let no_address = resume(&world, &code, "code").expect(2);
    assert!(
        no_address.stderr.contains("that is not a URL with a query"),
        "{no_address:?}"
    );
    let nothing = resume(&world, &code, "").expect(2);
    assert!(
        nothing
            .stderr
            .contains("there is no address on standard input"),
        "{nothing:?}"
    );
    assert!(
        forged.stderr.contains(&format!("login --resume {code}")),
        "{forged:?}"
    );
    // None of this has spent the code.
    resume(&world, &code, &address).expect(0);
}

#[test]
fn it_is_finished_elsewhere_in_whichever_words_it_was_begun() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let app = gitlab.register_app(true);
    let place = world.path("place");
    std::fs::create_dir(&place).unwrap();
    std::fs::copy(gitlab.ca_file(), place.join("ca.pem")).unwrap();
    let secret = world.file("place/secret", app.client_secret.as_ref().unwrap());
    let base = gitlab.base_url();
    let words = ["--json", "onboard", "gitlab/work", "--base-url", &base];
    let files = ["--ca-file", "ca.pem", "--client-secret-file", "secret"];
    let more = ["--client-id", &app.client_id, "--no-browser"];
    let mut first = world.authsome([&words[..], &files, &more].concat());
    let port = port_7998();
    let begun = Outcome::of(first.current_dir(place).output().unwrap()).expect(0);
    drop(port);
    let told = begun.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    // The application is kept with the login, as it was.
    std::fs::remove_file(secret).unwrap();
    let address = consent(&gitlab, &text("url"));
    resume(&world, &text("resume"), &address).expect(0);
    let shown = world
        .call(["get", "gitlab/work", "--json"])
        .expect(0)
        .json();
    assert_eq!(shown["client_secret"], "***", "{shown}");
}

#[test]
fn it_waits_for_ten_minutes_at_most() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (url, code) = begin(&world, &gitlab, &[]);
    let address = consent(&gitlab, &url);
    // As if ten minutes had passed since.
    let store = world.store();
    let mut login = store.suspended(&code).unwrap().unwrap();
    assert!(store.take_suspended(&code).unwrap() && !store.take_suspended(&code).unwrap());
    login.at = login.at.minus(authsome::connection::SUSPENDED_LIFETIME);
    store.suspend(&code, &login).unwrap();
    let late = resume(&world, &code, &address).expect(2);
    assert!(late.stderr.contains("older than ten minutes"), "{late:?}");
    assert_nothing_stored(&world);
}
