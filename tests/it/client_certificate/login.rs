//! From the login to the revocation, and where the key is meanwhile.

use std::fs;

use authsome_test_support::kit::{browser_script, port_7998};
use authsome_test_support::{ClientCa, FakeGitLab, Protocol, Seen};

use super::{all_show, both, expire, files, get, lines_of, log_in};
use crate::kit::{Outcome, PLACEHOLDER, World};

#[test]
fn a_server_that_requires_a_certificate_gets_it_from_the_login_to_the_revocation() {
    let ca = ClientCa::generate();
    let client = ca.issue("ada");
    let gitlab = FakeGitLab::builder()
        .requires_client_certificate(&ca.pem())
        .start();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for in_one_file in [true, false] {
        let world = World::new();
        let (one, key) = if in_one_file {
            (world.file("both.pem", &both(&client)), None)
        } else {
            let one = world.file("cert.pem", &client.certificate_pem);
            (one, Some(world.file("key.pem", &client.key_pem)))
        };
        let typed = one.display().to_string();
        let typed_key = key.as_ref().map(|key| key.display().to_string());
        let mut words = vec!["--client-cert", &typed];
        if let Some(key) = &typed_key {
            words.extend(["--client-key", key]);
        }
        log_in(&world, &gitlab, &client, &words).expect(0);
        fs::remove_file(one).unwrap();
        if let Some(key) = key {
            fs::remove_file(key).unwrap();
        }
        for version in ["--http1.1", "--http2"] {
            let asked = get(&world, &[version], &url).expect(0);
            assert_eq!(asked.json()["username"], "ada");
        }
        let before = gitlab.refreshes();
        expire(&world, "default");
        get(&world, &[], &url).expect(0);
        world.call(["get", "gitlab"]).expect(0);
        assert_eq!(gitlab.refreshes(), before + 1);
        let revocations = gitlab.revocations();
        world.call(["revoke", "gitlab"]).expect(0);
        assert_eq!(gitlab.revocations(), revocations + 1);
        let versions = gitlab.seen();
        let http2 = |seen: &&Seen| seen.version == Protocol::Http2;
        assert!(versions.iter().any(|seen| http2(&seen)), "{versions:?}");
        all_show(&gitlab, Some(&client));
    }
}

#[test]
fn the_key_is_sealed_and_shown_to_nobody() {
    let ca = ClientCa::generate();
    let client = ca.issue("ada");
    let gitlab = FakeGitLab::builder()
        .requires_client_certificate(&ca.pem())
        .start();
    let world = World::new();
    let file = world.file("both.pem", &both(&client));
    let login = log_in(
        &world,
        &gitlab,
        &client,
        &[
            "--json",
            "--verbose",
            "--client-cert",
            &file.display().to_string(),
        ],
    );
    let login = login.expect(0);
    fs::remove_file(file).unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    // What the child has of it, in a variable that the user has set too, and what it can find of
    // authsome's own.
    let script = format!(
        "env; curl -sS '{url}'; tr '\\0' '\\n' < /proc/$PPID/cmdline; tr '\\0' '\\n' < /proc/$PPID/environ; find \"$(dirname \"$SSL_CERT_FILE\")\" -type f -exec cat {{}} +"
    );
    let mut command = world.authsome(["run", "--verbose", "--", "sh", "-c", &script]);
    let ran = Outcome::of(command.output().unwrap()).expect(0);
    let mut command = world.authsome(["run", "--", "sh", "-c", "printf %s \"$MY_KEY\""]);
    command.env("MY_KEY", client.key_pem.trim_end());
    let scrubbed = Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(scrubbed.stdout, PLACEHOLDER);
    let told: Vec<_> = [
        &["get", "gitlab", "--json", "--show-secret"][..],
        &["list", "--json"],
        &["export", "gitlab"],
        &["log", "--json", "-n", "100"],
    ]
    .iter()
    .map(|words| world.call(*words).expect(0))
    .chain([login, ran, scrubbed])
    .collect();
    for line in lines_of(&client.key_pem) {
        for outcome in &told {
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!said.contains(line), "{said}");
        }
        for path in files(&world.path("")) {
            let content = fs::read(&path).unwrap();
            let content = String::from_utf8_lossy(&content);
            assert!(!content.contains(line), "{}", path.display());
        }
    }
}

#[test]
fn a_login_again_keeps_the_certificate_unless_it_names_a_place() {
    let ca = ClientCa::generate();
    let client = ca.issue("ada");
    let gitlab = FakeGitLab::builder()
        .asks_for_client_certificate(&ca.pem())
        .start();
    let world = World::new();
    let file = world.file("both.pem", &both(&client)).display().to_string();
    log_in(&world, &gitlab, &client, &["--client-cert", &file]).expect(0);
    fs::remove_file(&file).unwrap();
    let port = port_7998();
    let browser = browser_script(&world.path(""), gitlab.ca_file());
    gitlab.clear_seen();
    let again = world
        .authsome(["login", "gitlab", "--force"])
        .env("BROWSER", browser)
        .output();
    Outcome::of(again.unwrap()).expect(0);
    let seen = gitlab.seen();
    let token = seen
        .iter()
        .find(|seen| seen.path == "/oauth/token")
        .unwrap();
    assert_eq!(token.client_certificate.as_ref(), Some(&client.der));
    drop(port);
    // With --base-url: as the CA, it is said anew.
    log_in(&world, &gitlab, &client, &["--force"]).expect(0);
    assert!(world.stored("default").client_certificate.is_none());
}

#[test]
fn where_one_is_missing_the_command_to_type_is_said() {
    let (ca, other) = (ClientCa::generate(), ClientCa::generate());
    let gitlab = FakeGitLab::builder()
        .requires_client_certificate(&ca.pem())
        .start();
    let world = World::new();
    let outcome = log_in(
        &world,
        &gitlab,
        &ca.issue("ada"),
        &["--scopes", "api read_user"],
    );
    let outcome = outcome.expect(8);
    let typed = format!(
        "hint: authsome login gitlab --base-url {} --ca-file ",
        gitlab.base_url()
    );
    let hint = outcome
        .stderr
        .lines()
        .find(|line| line.starts_with("hint: "));
    let hint = hint.unwrap();
    assert!(hint.starts_with(&typed), "{hint}");
    assert!(
        hint.contains(" --scopes 'api read_user' --client-cert CERT.pem"),
        "{hint}"
    );
    // One that the server does not take is another matter.
    for wrong in [other.issue("ada"), ca.issue_until("ada", 2021)] {
        let file = world.file("wrong.pem", &both(&wrong)).display().to_string();
        let outcome = log_in(&world, &gitlab, &ca.issue("ada"), &["--client-cert", &file]);
        let outcome = outcome.expect(8);
        assert!(
            outcome.stderr.contains(" the client certificate"),
            "{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("openssl x509 -noout"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(&file), "{}", outcome.stderr);
    }
    assert_eq!(gitlab.token_requests(), 0);
    // In a run, where the server has begun to want one.
    world.connect_as("work", &gitlab, &gitlab.base_url(), 7200);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        let told = world.run(["curl", "-sS", version, &url]).expect(0).json();
        assert_eq!(told["error"], "upstream_tls", "{told}");
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("client certificate"), "{told}");
        let hint = told["hint"].as_str().unwrap();
        let command = "authsome login gitlab --connection work --client-cert CERT.pem";
        assert!(hint.contains(command) && hint.contains("--force"), "{hint}");
    }
    expire(&world, "work");
    let told = world
        .run(["curl", "-sS", "--max-time", "60", &url])
        .expect(0)
        .json();
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("client certificate"),
        "{told}"
    );
    assert_eq!(gitlab.token_requests(), 0);
}
