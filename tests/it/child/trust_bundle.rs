//! The certificates that the child's programs are told of.

use std::fs;

use crate::kit::run::{finish, run};
use crate::kit::{Setup, World, binary};

/// Where distributions keep their roots; the machine of a test has one of these.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[test]
fn the_bundle_holds_the_systems_roots_the_users_and_the_sessions() {
    let Setup { world, gitlab, .. } = Setup::connected();
    // No line feed at the end: the next block must not be swallowed.
    let extra = world.file("extra.pem", gitlab.ca_pem().trim_end());
    let command = "cat \"$SSL_CERT_FILE\"; printf '\\0'; cat \"$NODE_EXTRA_CA_CERTS\"";
    let mut command = run(&world, &[], &["sh", "-c", command]);
    command.env("SSL_CERT_FILE", &extra);
    let text = finish(command).expect(0).stdout;
    let (bundle, session) = text.split_once('\0').unwrap();
    let (bundle, session) = (certificates(bundle), certificates(session));
    let system = SYSTEM_ROOTS
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap();
    for root in certificates(&system) {
        assert!(bundle.contains(&root));
    }
    assert!(
        bundle.contains(&certificates(gitlab.ca_pem())[0]),
        "what SSL_CERT_FILE named"
    );
    assert_eq!(
        session.len(),
        1,
        "for clients that add it to their own roots"
    );
    assert!(bundle.contains(&session[0]), "the session CA");
}

#[test]
fn every_trust_variable_names_a_file_that_is_there() {
    let world = World::new();
    let names = [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
    ];
    let script = "for name; do eval \"file=\\$$name\"; grep -q 'BEGIN CERTIFICATE' \"$file\" || exit 1; done";
    let words: Vec<_> = ["sh", "-c", script, "sh"]
        .into_iter()
        .chain(names)
        .collect();
    world.run(words).expect(0);
}

#[test]
fn a_private_key_beside_the_users_roots_is_not_copied() {
    let (world, gitlab) = Setup::unconnected();
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n";
    let extra = world.file("extra.pem", &format!("{key}{}", gitlab.ca_pem()));
    let mut command = run(&world, &[], &["sh", "-c", "cat \"$SSL_CERT_FILE\""]);
    command.env("SSL_CERT_FILE", &extra);
    let bundle = finish(command).expect(0).stdout;
    assert!(bundle.contains("BEGIN CERTIFICATE"));
    assert!(!bundle.contains("PRIVATE KEY"));
}

#[test]
fn a_run_within_a_run_works() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let authsome = binary().to_str().unwrap();
    let outcome = world
        .run([
            authsome,
            "run",
            "--",
            "curl",
            "-sS",
            "--fail-with-body",
            &url,
        ])
        .expect(0);
    assert_eq!(outcome.json()["username"], "ada");
}

fn certificates(pem: &str) -> Vec<String> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.map(|block| block.split_once("-----END CERTIFICATE-----").unwrap().0);
    bodies
        .map(|body| body.split_whitespace().collect())
        .collect()
}
