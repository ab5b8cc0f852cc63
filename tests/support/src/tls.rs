//! The throw-away CA and the server's leaf.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server identity under a CA of its own: for `localhost`, `gitlab.test`, `*.gitlab.test`,
/// `grpc.test`, `127.0.0.1` and `::1`.
#[derive(Debug)]
pub struct Identity {
    /// What a client must trust.
    pub ca_pem: String,
    /// The leaf, for servers that read it from a file.
    pub leaf_pem: String,
    /// Its key, likewise.
    pub key_pem: String,
    /// The leaf, its key and ALPN.
    pub config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes a CA, a leaf for its names and the loopback addresses, and forgets the CA's key.
    ///
    /// # Errors
    ///
    /// Where no key can be made.
    ///
    /// # Panics
    ///
    /// Where the leaf does not fit the key that it was made for: never.
    pub fn generate(http1_only: bool) -> Result<Self, rcgen::Error> {
        Self::named(&[], http1_only)
    }

    /// The same for these names as well.
    pub(crate) fn named(names: &[String], http1_only: bool) -> Result<Self, rcgen::Error> {
        let ca = CertifiedIssuer::self_signed(ca_params(), key()?)?;
        let leaf_key = key()?;
        let leaf = leaf_params(names)?.signed_by(&leaf_key, &ca)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        Ok(Self {
            ca_pem: ca.pem(),
            leaf_pem: leaf.pem(),
            key_pem: leaf_key.serialize_pem(),
            config: server_config(vec![leaf.der().clone()], private, http1_only, None),
        })
    }
}

impl Identity {
    /// A certificate and its key as PEM that a test made; the certificate is what a client must
    /// trust.
    pub(crate) fn of_pem(certificate: &str, key_pem: &str, http1_only: bool) -> Self {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .expect("the test's certificate is PEM");
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("the test's key is PEM");
        let ca_pem = certificate.to_owned();
        Self {
            leaf_pem: ca_pem.clone(),
            ca_pem,
            key_pem: key_pem.to_owned(),
            config: server_config(chain, key, http1_only, None),
        }
    }

    /// The same server, which asks its clients for a certificate of that CA (PEM).
    pub(crate) fn asking(self, ca: &str, is_required: bool, http1_only: bool) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(
            CertificateDer::pem_slice_iter(ca.as_bytes())
                .map(|certificate| certificate.expect("the test's CA is PEM")),
        );
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = if is_required {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        let verifier = verifier.build().expect("the test's CA has a certificate");
        let chain = CertificateDer::pem_slice_iter(self.leaf_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .expect("the leaf is PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("its key is PEM");
        Self {
            config: server_config(chain, key, http1_only, Some(verifier)),
            ..self
        }
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    http1_only: bool,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs serves the default versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .expect("the leaf was made for this very key");
    config.alpn_protocols = if http1_only {
        vec![b"http/1.1".to_vec()]
    } else {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    };
    Arc::new(config)
}

fn key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "fake GitLab test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params);
    params
}

fn leaf_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let names = NAMES
        .map(str::to_owned)
        .into_iter()
        .chain(names.iter().cloned());
    let mut params = CertificateParams::new(names.collect::<Vec<_>>())?;
    for address in [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    // Said explicitly, because only then does rcgen write the subject key identifier as well.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params);
    Ok(params)
}

fn set_validity(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
}

/// The names the leaf is good for.
const NAMES: [&str; 4] = ["localhost", "gitlab.test", "*.gitlab.test", "grpc.test"];
