//! What `authsome login` is given: addresses, certificates, secrets.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};

use authsome_test_support::kit::port_7998;

use crate::kit::commands::{failure, login_ends};
use crate::kit::{Outcome, Setup, World};

/// Beyond what is read of a file.
const TOO_MUCH: usize = 1024 * 1024 + 1;

#[test]
fn a_base_url_that_is_none_is_refused() {
    let world = World::new();
    for (url, reason) in [
        ("http://gitlab.acme.com", "https"),
        ("https://ada:s3cret@gitlab.acme.com", "user name"),
        ("https://", "URL"),
        ("not a url", "URL"),
        ("ftp://gitlab.acme.com", "https"),
        ("https://gitlab.acme.com/?x=1", "query"),
        ("https://gitlab.acme.com/#x", "fragment"),
        ("https://gitlab.acme.com:0", "port"),
        ("https://gitlab.acme.com:99999", "port"),
        ("https://gitlab.acme.com/a/../b", "path"),
        ("", "URL"),
    ] {
        let outcome = failure(&world, &["login", "gitlab", "--base-url", url], 2, "usage");
        let words = outcome.stderr.replace(url, "");
        assert!(words.contains("--base-url"), "{url}: {}", outcome.stderr);
        assert!(
            words.to_lowercase().contains(&reason.to_lowercase()),
            "{url}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_ca_file_that_is_none_is_refused() {
    let (world, gitlab) = Setup::unconnected();
    let file = |name: &str, text: &str| world.file(name, text).display().to_string();
    let der = world.path("ca.der").display().to_string();
    let ca = gitlab.ca_file().display().to_string();
    openssl("x509 -outform der", &["-in", &ca, "-out", &der]);
    let key = world.path("key.pem").display().to_string();
    openssl(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        &["-out", &key],
    );
    let half = gitlab.ca_pem().get(..200).unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let nothing = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let large = gitlab.ca_pem().to_owned() + &"\n".repeat(TOO_MUCH);
    for (path, reason) in [
        (
            world.path("missing.pem").display().to_string(),
            "No such file",
        ),
        (
            world.home().parent().unwrap().display().to_string(),
            "directory",
        ),
        (file("empty.pem", ""), "empty"),
        (file("text.pem", "hello\n"), "not PEM"),
        (file("half.pem", half), "damaged"),
        (file("damaged.pem", damaged), "damaged"),
        (file("nothing.pem", nothing), "certificate 1"),
        (file("large.pem", &large), "more than"),
        (der, "DER"),
        (key, "private key"),
    ] {
        let words = [
            "login",
            "gitlab",
            "--base-url",
            &gitlab.base_url(),
            "--ca-file",
            &path,
        ];
        let outcome = world.call(words).expect(2);
        assert!(
            outcome.stderr.contains(reason),
            "{path}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(&path), "{path}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("hint: ") && !outcome.stderr.contains("panicked"));
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_client_secret_file_that_is_missing_is_refused() {
    let world = World::new();
    let missing = world.path("missing").display().to_string();
    let words = [
        "login",
        "gitlab",
        "--client-id",
        "x",
        "--client-secret-file",
        &missing,
    ];
    let outcome = failure(&world, &words, 2, "usage");
    assert!(outcome.stderr.contains(&missing), "{}", outcome.stderr);
}

#[test]
fn a_client_secret_that_is_too_large_is_refused_and_not_cut() {
    let world = World::new();
    let path = world.file("secret", &"x".repeat(TOO_MUCH));
    let named = path.display().to_string();
    let words = |file| {
        [
            "--client-id",
            "x",
            "--client-secret-file",
            file,
            "--no-browser",
        ]
    };
    let outcome = login_ends(&world, &words(&named)).expect(2);
    assert!(outcome.stderr.contains("more than"), "{}", outcome.stderr);
    let mut command = world.authsome([&["login", "gitlab"][..], &words("-")].concat());
    command.stdin(File::open(&path).unwrap());
    let outcome = Outcome::of(command.output().unwrap()).expect(2);
    assert!(outcome.stderr.contains("more than"), "{}", outcome.stderr);
}

#[test]
fn a_client_secret_that_is_no_text_is_refused_and_not_changed() {
    let world = World::new();
    let path = world.path("secret");
    File::create(&path)
        .unwrap()
        .write_all(b"abc\xff\xfe\n")
        .unwrap();
    let path = path.display().to_string();
    let words = [
        "--client-id",
        "x",
        "--client-secret-file",
        &path,
        "--no-browser",
    ];
    let outcome = login_ends(&world, &words).expect(2);
    assert!(outcome.stderr.contains(&path), "{}", outcome.stderr);
}

#[test]
fn a_client_secret_comes_through_a_pipe() {
    let (world, gitlab) = Setup::unconnected();
    let app = gitlab.register_app(true);
    let _port = port_7998();
    let base = gitlab.base_url();
    let ca = gitlab.ca_file().display().to_string();
    let words = [
        "login",
        "gitlab",
        "--base-url",
        &base,
        "--ca-file",
        &ca,
        "--client-id",
        &app.client_id,
        "--client-secret-file",
        "-",
    ];
    let browser = authsome_test_support::kit::browser_script(gitlab.dir(), gitlab.ca_file());
    let mut command = world.authsome(words);
    command
        .env("BROWSER", browser)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let secret = format!("{}\n", app.client_secret.as_ref().unwrap());
    child
        .stdin
        .take()
        .unwrap()
        .write_all(secret.as_bytes())
        .unwrap();
    Outcome::of(child.wait_with_output().unwrap()).expect(0);
    let stored = world
        .stored("default")
        .client
        .unwrap()
        .client_secret
        .unwrap();
    assert_eq!(stored.expose(), app.client_secret.as_ref().unwrap());
}

/// What openssl makes.
fn openssl(words: &str, files: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).args(files);
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
}
