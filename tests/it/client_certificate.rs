//! Servers that want a certificate of their clients: who gets it, who does not, where the key is,
//! and what is said where it is missing.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod files;
mod hosts;
mod login;

use std::fs;
use std::path::{Path, PathBuf};

use authsome::net::tls::ClientCertificate;
use authsome::secret::Secret;
use authsome_test_support::kit::browser_script;
use authsome_test_support::{ClientIdentity, FakeGitLab};

use crate::kit::login::Login;
use crate::kit::{Outcome, World};

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
