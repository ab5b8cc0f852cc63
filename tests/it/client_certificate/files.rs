//! What is read of the files that the flags name.

use authsome_test_support::ClientCa;

use super::both;
use crate::kit::{Outcome, World};

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
