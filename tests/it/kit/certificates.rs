//! Certificates that are made for a test, and servers that show them.

use std::process::Command;

use authsome_test_support::FakeGitLab;
use authsome_test_support::kit::port_7998;

use crate::kit::login::Login;
use crate::kit::{Outcome, World};

pub(crate) const NAMES: &str = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/// A certificate and its key.
pub(crate) struct Made {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// `openssl req -x509`, as people make one, with these extensions.
pub(crate) fn self_signed(world: &World, extensions: &[&str]) -> Made {
    let (certificate, key) = (world.path("made.pem"), world.path("made.key"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
    ]);
    openssl
        .args(["-subj", "/CN=localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    for extension in extensions {
        openssl.args(["-addext", extension]);
    }
    Outcome::of(openssl.output().unwrap()).expect(0);
    Made {
        certificate: std::fs::read_to_string(certificate).unwrap(),
        key: std::fs::read_to_string(key).unwrap(),
    }
}

pub(crate) fn serving(made: &Made) -> FakeGitLab {
    FakeGitLab::builder()
        .identity(&made.certificate, &made.key)
        .start()
}

/// A login that the server's certificate, or its TLS, ends before anybody is asked for consent.
pub(crate) fn refused(world: &World, base: &str, ca: Option<&std::path::Path>) -> Outcome {
    let _port = port_7998();
    let mut command = world.authsome(["login", "gitlab", "--no-browser", "--client-id", "x"]);
    command.args(["--base-url", base]);
    if let Some(ca) = ca {
        command.arg("--ca-file").arg(ca);
    }
    Login::spawn(command, None).end().expect(8)
}
