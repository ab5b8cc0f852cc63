//! Tests of the cache, and helpers that they share with the tests of the profile.

mod clients;
mod profile;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use super::*;
use crate::{PermittedHost, pem_text};

fn cache() -> LeafCache {
    cache_for(&[
        PermittedHost::Domain("example.com".to_owned()),
        PermittedHost::Ip("127.0.0.1".parse().unwrap()),
        PermittedHost::Ip("::1".parse().unwrap()),
    ])
}

#[expect(
    clippy::disallowed_methods,
    reason = "the verifiers read the machine's clock"
)]
fn cache_for(permitted: &[PermittedHost]) -> LeafCache {
    LeafCache::new(SessionCa::new(permitted, SystemTime::now()).unwrap()).unwrap()
}

fn name(host: &str) -> ServerName<'static> {
    ServerName::try_from(host.to_owned()).unwrap()
}

/// Runs one of the machine's tools and returns all its output.
fn tool(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|fault| panic!("these tests need `{program}`: {fault}"));
    let words = [output.stdout, output.stderr].concat();
    String::from_utf8(words).unwrap()
}

fn put(path: &Path, text: &str) {
    File::create(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

#[test]
fn keeps_what_it_minted() {
    let cache = cache();
    let first = cache.get(&name("api.example.com")).unwrap();
    let again = cache.get(&name("API.example.com.")).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(first.cert[1], *cache.ca.certificate_der());
}

#[test]
fn refuses_hosts_outside_the_constraints() {
    let cache = cache();
    for host in ["example.org", "notexample.com", "127.0.0.2", "::2"] {
        let result = cache.get(&name(host));
        assert!(
            matches!(result, Err(CaError::NotPermitted { host: named }) if named == host),
            "{host}"
        );
    }
}

#[test]
fn is_bounded() {
    let cache = cache();
    for number in 0..CAPACITY + 10 {
        cache.get(&name(&format!("h{number}.example.com"))).unwrap();
    }
    assert_eq!(cache.minted().len(), CAPACITY);
}

#[test]
fn gives_all_threads_one_certificate() {
    let cache = cache();
    let minted: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| cache.get(&name("example.com")).unwrap()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(minted.iter().all(|key| Arc::ptr_eq(key, &minted[0])));
}

#[test]
fn leaf_key_is_not_the_ca_key() {
    let cache = cache();
    let leaf = cache.get(&name("example.com")).unwrap();
    let root = webpki_public_key(cache.ca.certificate_der());
    assert_ne!(leaf.key.public_key().unwrap().as_ref(), root);
    assert!(leaf.keys_match().is_ok());
}

#[test]
fn leaves_differ_in_serial_number() {
    let cache = cache();
    let one = cache
        .ca
        .sign_leaf(&name("example.com"), &cache.key)
        .unwrap();
    let other = cache
        .ca
        .sign_leaf(&name("example.com"), &cache.key)
        .unwrap();
    assert_ne!(serial(&one), serial(&other));
    assert_ne!(serial(&one), serial(cache.ca.certificate_der()));
}

#[test]
fn debug_prints_no_key() {
    let cache = cache();
    let certified = cache.get(&name("example.com")).unwrap();
    certified.keys_match().unwrap();
    let shown = format!("{cache:?}");
    assert!(!shown.to_lowercase().contains("key"), "{shown}");
}

fn webpki_public_key(certificate: &CertificateDer<'static>) -> Vec<u8> {
    let parsed = rustls::server::ParsedCertificate::try_from(certificate).unwrap();
    parsed.subject_public_key_info().as_ref().to_vec()
}

fn serial(certificate: &CertificateDer<'_>) -> String {
    let dir = TempDir::new().unwrap();
    put(&dir.path().join("one.pem"), &pem_text::encode(certificate));
    tool(
        dir.path(),
        "openssl",
        &["x509", "-in", "one.pem", "-noout", "-serial"],
    )
}

#[test]
fn a_root_for_thousands_of_hosts_does_not_go_along() {
    let of = |hosts: usize| {
        let permitted =
            (0..hosts).map(|host| PermittedHost::Domain(format!("h{host}.example.com")));
        let leaf = cache_for(&permitted.collect::<Vec<_>>()).get(&name("h0.example.com"));
        leaf.unwrap().cert.len()
    };
    assert_eq!((of(1), of(5000)), (2, 1));
}
