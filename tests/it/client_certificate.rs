//! Servers that want a certificate of their clients: who gets it, who does not, where the key is,
//! and what is said where it is missing.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::{Path, PathBuf};

use authsome::net::tls::ClientCertificate;
use authsome::secret::Secret;
use authsome_test_support::kit::{browser_script, port_7998};
use authsome_test_support::{Builder, ClientCa, ClientIdentity, FakeGitLab, Protocol, Seen};

use crate::kit::login::Login;
use crate::kit::{Outcome, PLACEHOLDER, World};

/// The certificate and its key in one file, as curl's `--cert` takes them.
fn both(client: &ClientIdentity) -> String {
    format!("{}{}", client.certificate_pem, client.key_pem)
}

fn as_stored(client: &ClientIdentity) -> ClientCertificate {
    let key = Secret::new(client.key_pem.trim_end().to_owned());
    ClientCertificate::new(client.certificate_pem.clone(), key).unwrap()
}

/// A login whose browser has a certificate of its own.
fn log_in(world: &World, gitlab: &FakeGitLab, browsers: &ClientIdentity, more: &[&str]) -> Outcome {
    let directory = world.path("browser");
    fs::create_dir_all(&directory).unwrap();
    let cert = world.file("browser/client.pem", &both(browsers));
    let rc = format!("cert = \"{}\"\n", cert.display());
    world.file("browser/.curlrc", &rc);
    let browser = browser_script(&directory, gitlab.ca_file());
    let app = gitlab.register_app(true);
    let secret = world.file("client-secret", app.client_secret.as_ref().unwrap());
    let secret = secret.display().to_string();
    let mut words = vec![
        "--client-id",
        &app.client_id,
        "--client-secret-file",
        &secret,
    ];
    words.extend(more);
    let home = directory.display().to_string();
    let login = Login::start(
        world,
        gitlab,
        &words,
        Some(&browser),
        &[("CURL_HOME", &home)],
    );
    let outcome = login.end();
    fs::remove_dir_all(directory).unwrap();
    outcome
}

/// Each request came with that certificate, and some did.
fn all_show(gitlab: &FakeGitLab, client: Option<&ClientIdentity>) {
    let seen = gitlab.seen();
    assert!(!seen.is_empty());
    for request in seen {
        let shown = request.client_certificate.as_ref();
        assert_eq!(shown, client.map(|client| &client.der), "{request:?}");
    }
    gitlab.clear_seen();
}

fn get(world: &World, more: &[&str], url: &str) -> Outcome {
    let words = ["curl", "-sS", "--fail-with-body"];
    world.run(words.iter().chain(more).chain(&[url]))
}

fn expire(world: &World, name: &str) {
    let mut connection = world.stored(name);
    connection.tokens.expires_at = Some(connection.tokens.obtained_at);
    world.store().create(&connection, true).unwrap();
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Lines of a key that stand nowhere else.
fn lines_of(key: &str) -> Vec<&str> {
    let lines = key.lines().filter(|line| !line.starts_with('-'));
    lines.filter(|line| line.len() > 16).collect()
}

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

#[test]
fn it_is_shown_to_the_hosts_of_its_connection_only() {
    let ca = ClientCa::generate();
    let client = ca.issue("ada");
    let asking = |builder: Builder| builder.asks_for_client_certificate(&ca.pem()).start();
    let (here, there, blind) = (
        asking(FakeGitLab::builder()),
        asking(FakeGitLab::builder()),
        asking(FakeGitLab::builder()),
    );
    let world = World::new();
    world.connect_as("default", &here, &here.base_url(), 7200);
    world.connect_as("work", &there, &there.base_url(), 7200);
    let mut connection = world.stored("default");
    connection.client_certificate = Some(as_stored(&client));
    world.store().create(&connection, true).unwrap();
    let urls =
        [&here, &there, &blind].map(|gitlab| format!("{}/api/v4/version", gitlab.base_url()));
    let script =
        "for url in \"$@\"; do curl -sSk \"$url\" \"$url\"; curl -sSk --http2 \"$url\"; done";
    let words = ["sh", "-c", script, "sh"].map(str::to_owned);
    world.run(words.iter().chain(&urls)).expect(0);
    all_show(&here, Some(&client));
    all_show(&there, None);
    all_show(&blind, None);
}

#[test]
fn connections_at_one_host_do_not_share_what_a_certificate_has_opened() {
    let ca = ClientCa::generate();
    let (ada, bob) = (ca.issue("ada"), ca.issue("bob"));
    let gitlab = FakeGitLab::builder()
        .asks_for_client_certificate(&ca.pem())
        .start();
    let world = World::new();
    for (name, client) in [("ada", Some(&ada)), ("bob", Some(&bob)), ("cyd", None)] {
        let base = format!("{}/{name}", gitlab.base_url());
        world.connect_as(name, &gitlab, &base, 7200);
        let mut connection = world.stored(name);
        connection.client_certificate = client.map(as_stored);
        world.store().create(&connection, true).unwrap();
    }
    for version in ["--http1.1", "--http2"] {
        gitlab.clear_seen();
        let url = |name: &str| format!("{}/{name}/api/v4/user", gitlab.base_url());
        let round = ["ada", "bob", "cyd", "nobody"].map(url);
        let words = ["curl", "-sS", "-o", "/dev/null", version].map(str::to_owned);
        let rounds = [&round[..], &round[..]].concat();
        let outputs = rounds
            .iter()
            .flat_map(|url| [url.as_str(), "-o", "/dev/null"]);
        world
            .run(words.iter().map(String::as_str).chain(outputs))
            .expect(0);
        let seen = gitlab.seen();
        assert_eq!(seen.len(), 8, "{seen:?}");
        for request in seen {
            let shown = request.client_certificate.as_ref();
            let expected = match request.path.split('/').nth(1) {
                Some("ada") => Some(&ada.der),
                Some("bob") => Some(&bob.der),
                _ => None,
            };
            assert_eq!(shown, expected, "{version} {}", request.path);
        }
    }
    // Two of one place: whose certificate it would be is not known, on no path.
    for name in ["one", "two"] {
        world.connect_as(name, &gitlab, &format!("{}/tied", gitlab.base_url()), 7200);
        let mut connection = world.stored(name);
        connection.client_certificate = Some(as_stored(&ada));
        world.store().create(&connection, true).unwrap();
    }
    gitlab.clear_seen();
    let url = format!("{}/tied/users/sign_in", gitlab.base_url());
    let told = world.run(["curl", "-sS", &url]).expect(0).json();
    assert_eq!(told["error"], "denied", "{told}");
    assert!(gitlab.seen().is_empty());
}

// ---- what is given for one ----

fn openssl(words: &[&str]) {
    let outcome = std::process::Command::new("openssl").args(words).output();
    Outcome::of(outcome.unwrap()).expect(0);
}

#[test]
fn files_that_are_none_are_refused_with_what_to_type() {
    let (world, ca) = (World::new(), ClientCa::generate());
    let (client, other) = (ca.issue("ada"), ca.issue("bob"));
    let file = |name: &str, text: &str| world.file(name, text).display().to_string();
    let made = |name: &str| world.path(name).display().to_string();
    let cert = file("cert.pem", &client.certificate_pem);
    let key = file("key.pem", &client.key_pem);
    let (der, p12, sealed, legacy) = (
        made("x.der"),
        made("x.p12"),
        made("sealed.pem"),
        made("legacy.pem"),
    );
    openssl(&["x509", "-outform", "der", "-in", &cert, "-out", &der]);
    openssl(&[
        "pkcs12", "-export", "-passout", "pass:x", "-in", &cert, "-inkey", &key, "-out", &p12,
    ]);
    openssl(&[
        "pkey", "-aes256", "-passout", "pass:x", "-in", &key, "-out", &sealed,
    ]);
    openssl(&[
        "ec", "-aes256", "-passout", "pass:x", "-in", &key, "-out", &legacy,
    ]);
    let other_key = file("other.pem", &other.key_pem);
    let missing = made("missing.pem");
    let cases: [(&str, Option<&str>, &str, &str); 13] = [
        (&missing, None, "No such file", "ls -l "),
        (&cert, Some(&missing), "No such file", "ls -l "),
        (
            &file("empty.pem", ""),
            None,
            "it is empty",
            "BEGIN CERTIFICATE",
        ),
        (
            &cert,
            Some(&file("empty.key", "\n")),
            "it is empty",
            "BEGIN PRIVATE KEY",
        ),
        (
            &file("text.pem", "hello\n"),
            None,
            "no certificate",
            "BEGIN CERTIFICATE",
        ),
        (&key, None, "no certificate", "BEGIN CERTIFICATE"),
        (&cert, None, "no private key", "--client-key KEY.pem"),
        (&cert, Some(&cert), "no private key", "BEGIN PRIVATE KEY"),
        (
            &cert,
            Some(&other_key),
            "is not that of",
            "openssl pkey -pubout",
        ),
        (&cert, Some(&sealed), "encrypted", "openssl pkey -in "),
        (&cert, Some(&legacy), "encrypted", "openssl pkey -in "),
        (&der, Some(&key), "DER", "openssl x509 -inform der"),
        (&p12, None, "PKCS#12", "openssl pkcs12 -nodes"),
    ];
    for (certificate, key, reason, next) in cases {
        let base = ["login", "gitlab", "--base-url", "https://gitlab.acme.test"];
        let mut words = [&base[..], &["--client-cert", certificate]].concat();
        words.extend(key.into_iter().flat_map(|key| ["--client-key", key]));
        let outcome = world.call(&words).expect(2);
        let (said, hint) = outcome.stderr.split_once("hint: ").unwrap();
        assert!(said.contains(reason), "{words:?}: {said}");
        assert!(
            said.contains(key.unwrap_or(certificate)) || said.contains(certificate),
            "{said}"
        );
        assert!(hint.contains(next), "{words:?}: {hint}");
        words.push("--json");
        let told = world.call(words).expect(2).json();
        assert!(
            told["error"] == "client_cert_invalid" || told["error"] == "usage",
            "{told}"
        );
    }
}

#[test]
fn it_is_for_tls_and_the_key_for_it() {
    let (world, ca) = (World::new(), ClientCa::generate());
    let file = world
        .file("both.pem", &both(&ca.issue("ada")))
        .display()
        .to_string();
    let words = ["login", "gitlab", "--base-url", "http://127.0.0.1:9"];
    let outcome = world
        .call(words.iter().chain(&["--client-cert", &file]))
        .expect(2);
    assert!(outcome.stderr.contains("plain HTTP"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: ") && outcome.stderr.contains("https://"));
    let outcome = world
        .call(["login", "gitlab", "--client-key", &file])
        .expect(2);
    assert!(
        outcome.stderr.contains("--client-cert"),
        "{}",
        outcome.stderr
    );
}
