//! The certificate profile, tested with independent verifiers.

use std::net::TcpListener;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::ResolvesServerCert;
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, Error, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::UnixTime;

use super::*;

const LONG: &str =
    "a-label-of-some-length.another-label-of-some-length.and-a-third-one.example.com";
const HOSTS: [&str; 5] = ["example.com", "api.example.com", LONG, "127.0.0.1", "::1"];

mod webpki {
    use super::*;

    fn verify(cache: &LeafCache, leaf: &CertificateDer<'_>, host: &str) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(cache.ca.certificate_der().clone()).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        let chain = [cache.ca.certificate_der().clone()];
        verifier
            .verify_server_cert(leaf, &chain, &name(host), &[], UnixTime::now())
            .map(|_| ())
    }

    #[test]
    fn accepts_permitted_hosts() {
        let cache = cache();
        for host in HOSTS {
            let leaf = cache.get(&name(host)).unwrap();
            assert_eq!(verify(&cache, &leaf.cert[0], host), Ok(()), "{host}");
        }
    }

    #[test]
    fn refuses_a_leaf_outside_the_constraints() {
        let only_domain = cache_for(&[PermittedHost::Domain("example.com".to_owned())]);
        let only_address = cache_for(&[PermittedHost::Ip("127.0.0.1".parse().unwrap())]);
        let nothing = cache_for(&[]);
        for (cache, host) in [
            (&only_domain, "example.org"),
            (&only_domain, "127.0.0.1"),
            (&only_domain, "::1"),
            (&only_address, "example.org"),
            (&only_address, "127.0.0.2"),
            (&only_address, "::1"),
            (&nothing, "example.com"),
            (&nothing, "127.0.0.1"),
        ] {
            let leaf = cache.ca.sign_leaf(&name(host), &cache.key).unwrap();
            let result = verify(cache, &leaf, host);
            assert!(
                matches!(&result, Err(Error::InvalidCertificate(CertificateError::Other(other)))
                    if other.to_string().contains("NameConstraintViolation")),
                "{host}: {result:?}"
            );
        }
    }

    #[test]
    fn refuses_a_leaf_for_another_host() {
        let cache = cache();
        let leaf = cache.get(&name("api.example.com")).unwrap();
        assert!(verify(&cache, &leaf.cert[0], "example.com").is_err());
    }
}

mod openssl {
    use super::*;

    fn verify(cache: &LeafCache, host: &str) -> String {
        let dir = TempDir::new().unwrap();
        let leaf = cache.ca.sign_leaf(&name(host), &cache.key).unwrap();
        put(&dir.path().join("ca.pem"), cache.ca_pem());
        put(&dir.path().join("leaf.pem"), &pem_text::encode(&leaf));
        let expect = match name(host) {
            ServerName::DnsName(_) => "-verify_hostname",
            _ => "-verify_ip",
        };
        let arguments = [
            "verify",
            "-x509_strict",
            "-CAfile",
            "ca.pem",
            expect,
            host,
            "leaf.pem",
        ];
        tool(dir.path(), "openssl", &arguments)
    }

    #[test]
    fn strict_mode_accepts_permitted_hosts() {
        let cache = cache();
        for host in HOSTS {
            assert_eq!(verify(&cache, host), "leaf.pem: OK\n", "{host}");
        }
    }

    #[test]
    fn refuses_a_leaf_outside_the_constraints() {
        let only_domain = cache_for(&[PermittedHost::Domain("example.com".to_owned())]);
        let only_address = cache_for(&[PermittedHost::Ip("127.0.0.1".parse().unwrap())]);
        for (cache, host) in [
            (&only_domain, "example.org"),
            (&only_domain, "127.0.0.1"),
            (&only_domain, "::1"),
            (&only_address, "example.com"),
            (&only_address, "127.0.0.2"),
        ] {
            let words = verify(cache, host);
            assert!(
                words.contains("permitted subtree violation"),
                "{host}: {words}"
            );
        }
    }

    #[test]
    fn shows_the_profile() {
        let cache = cache();
        let dir = TempDir::new().unwrap();
        let leaf = cache.get(&name("api.example.com")).unwrap();
        put(&dir.path().join("ca.pem"), cache.ca_pem());
        put(
            &dir.path().join("leaf.pem"),
            &pem_text::encode(&leaf.cert[0]),
        );
        let text = |file| {
            tool(
                dir.path(),
                "openssl",
                &[
                    "x509", "-in", file, "-noout", "-text", "-nameopt", "RFC2253",
                ],
            )
        };

        let ca = text("ca.pem");
        for part in [
            "Version: 3",
            "Signature Algorithm: ecdsa-with-SHA256",
            "Subject: CN=authsome session ",
            "NIST CURVE: P-256",
            "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n",
            "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n",
            "X509v3 Subject Key Identifier:",
            "X509v3 Name Constraints: critical\n                Permitted:\n                  DNS:example.com\n",
            "IP:127.0.0.1/255.255.255.255\n",
        ] {
            assert!(ca.contains(part), "{part:?} is not in {ca}");
        }
        let leaf = text("leaf.pem");
        for part in [
            "Version: 3",
            "Subject: CN=api.example.com\n",
            "X509v3 Subject Alternative Name: \n                DNS:api.example.com\n",
            "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
            "X509v3 Key Usage: critical\n                Digital Signature\n",
            "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
            "X509v3 Subject Key Identifier:",
            "X509v3 Authority Key Identifier:",
        ] {
            assert!(leaf.contains(part), "{part:?} is not in {leaf}");
        }
        let end = |text: &str| {
            text.lines()
                .find(|line| line.contains("Not After"))
                .map(str::to_owned)
        };
        assert_eq!(end(&ca), end(&leaf));
    }
}

/// A whole handshake with the flag that Python 3.13 sets by default.
#[test]
fn python_in_strict_mode_connects() {
    const CLIENT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile='ca.pem')
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10) as plain:
    with context.wrap_socket(plain, server_hostname=sys.argv[2]) as secured:
        print(secured.version())
";
    let cache = cache();
    let dir = TempDir::new().unwrap();
    put(&dir.path().join("ca.pem"), cache.ca_pem());
    for host in HOSTS {
        let key: Arc<dyn ResolvesServerCert> =
            Arc::new(SingleCertAndKey::from(cache.get(&name(host)).unwrap()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(key);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            connection.complete_io(&mut socket).map(|_| ())
        });
        let words = tool(dir.path(), "python3", &["-c", CLIENT, &port, host]);
        assert_eq!(words, "TLSv1.3\n", "{host}");
        server.join().unwrap().unwrap();
    }
}
