//! The certificate with which a client authenticates to a server that requests one (RFC 8446
//! §4.3.2).
//!
//! Only the relevant PEM blocks of the user's files are kept. The key is decoded into memory that
//! is wiped as soon as the cryptography library has it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, InconsistentKeys, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Why a client certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCertificateError {
    /// It is PEM, but not an X.509 certificate.
    #[error("its certificate {position} is not usable: {reason}")]
    Certificate {
        /// Which certificate, counted from 1.
        position: usize,
        /// The reason.
        reason: String,
    },
    /// A PEM block has no end, or is not valid base64.
    #[error("its PEM is cut off or damaged")]
    Damaged,
    /// It is DER, the binary form.
    #[error("it is binary (DER), and not PEM")]
    Der,
    /// The file is empty.
    #[error("it is empty")]
    Empty,
    /// The key needs a passphrase.
    #[error("its private key is encrypted")]
    Encrypted,
    /// The key is damaged, or of a kind that TLS does not use.
    #[error(
        "its private key is not usable: those of RSA from 2048 bits on, of ECDSA (P-256, P-384, P-521) and Ed25519 are"
    )]
    Key,
    /// The key belongs to another certificate.
    #[error("the private key is not that of the first certificate")]
    Mismatch,
    /// The file has no certificate.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// The file has no private key.
    #[error("there is no private key in it")]
    NoKey,
    /// It is a PKCS#12 container, as browsers and Windows export it.
    #[error("it is PKCS#12, and not PEM")]
    Pkcs12,
}

/// A certificate chain, the client's own certificate first, with the private key of that
/// certificate.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    chain: String,
    key: Secret<String>,
}

impl ClientCertificate {
    /// Makes it from certificates as [`Self::chain_of`] returns them, and checks that the key
    /// belongs to the first one.
    pub fn new(chain: String, key: Secret<String>) -> Result<Self, ClientCertificateError> {
        let made = Self::stored(chain, key);
        made.certified()?;
        Ok(made)
    }

    /// Makes it from stored values, which were checked before they were stored.
    pub fn stored(chain: String, key: Secret<String>) -> Self {
        Self { chain, key }
    }

    /// The certificates in a PEM file.
    pub fn chain_of(file: &[u8]) -> Result<String, ClientCertificateError> {
        let mut chain = String::new();
        for block in blocks(file)? {
            if block.label == b"CERTIFICATE" {
                chain.push_str(block.text);
                chain.push('\n');
            }
        }
        if chain.is_empty() {
            let otherwise = ClientCertificateError::NoCertificate;
            return Err(what_it_is_instead(file, otherwise));
        }
        for (index, certificate) in certificates(&chain)?.iter().enumerate() {
            ParsedCertificate::try_from(certificate).map_err(|error| {
                ClientCertificateError::Certificate {
                    position: index + 1,
                    reason: error.to_string(),
                }
            })?;
        }
        Ok(chain)
    }

    /// The first private key in a PEM file.
    pub fn key_of(file: &Secret<Vec<u8>>) -> Result<Secret<String>, ClientCertificateError> {
        let file = file.expose();
        let found = blocks(file)?;
        let is_key = |block: &&Block<'_>| block.label.ends_with(b"PRIVATE KEY");
        let Some(key) = found.iter().find(is_key) else {
            return Err(what_it_is_instead(file, ClientCertificateError::NoKey));
        };
        // PKCS#8 marks encryption in the label (RFC 7468 §11), the older forms in a header field
        // (RFC 1421 §4.6.1.1).
        if key.label.starts_with(b"ENCRYPTED") || key.text.contains("\nProc-Type: 4,ENCRYPTED") {
            return Err(ClientCertificateError::Encrypted);
        }
        Ok(Secret::new(key.text.to_owned()))
    }

    /// The certificates, as PEM.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// The key, as PEM.
    pub fn key(&self) -> &Secret<String> {
        &self.key
    }

    /// Chain and key in rustls's form.
    pub(super) fn certified(&self) -> Result<CertifiedKey, ClientCertificateError> {
        let key = decoded(self.key.expose())?;
        let key = PrivateKeyDer::try_from(key.as_slice());
        let key = key.map_err(|_| ClientCertificateError::Key)?;
        let key = any_supported_type(&key).map_err(|_| ClientCertificateError::Key)?;
        let certified = CertifiedKey::new(certificates(&self.chain)?, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(Error::InconsistentKeys(_)) => Err(ClientCertificateError::Mismatch),
            Err(error) => Err(ClientCertificateError::Certificate {
                position: 1,
                reason: error.to_string(),
            }),
        }
    }
}

/// Compares the certificates only: each certificate has one key, and [`ClientCertificate::new`] has
/// checked that it is this one.
impl PartialEq for ClientCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain
    }
}

impl Eq for ClientCertificate {}

impl Hash for ClientCertificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.chain.hash(state);
    }
}

/// Records whether servers request a client certificate, for one client configuration. A server
/// that gets none often reports a different problem.
#[derive(Debug)]
pub struct CertificateRequests {
    resolver: Arc<dyn ResolvesClientCert>,
    seen: AtomicBool,
}

impl CertificateRequests {
    /// Records the requests on all connections of that configuration.
    pub fn watch(config: &mut ClientConfig) -> Arc<Self> {
        let watching = Arc::new(Self {
            resolver: Arc::clone(&config.client_auth_cert_resolver),
            seen: AtomicBool::new(false),
        });
        config.client_auth_cert_resolver = Arc::clone(&watching) as Arc<dyn ResolvesClientCert>;
        watching
    }

    /// Whether a server has requested a certificate and there was none to present.
    pub fn are_unmet(&self) -> bool {
        self.seen.load(Ordering::Relaxed) && !self.resolver.has_certs()
    }
}

impl ResolvesClientCert for CertificateRequests {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.seen.store(true, Ordering::Relaxed);
        self.resolver.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.resolver.has_certs()
    }
}

/// A PEM block (RFC 7468 §2).
struct Block<'a> {
    label: &'a [u8],
    /// The whole block, including its BEGIN and END lines.
    text: &'a str,
}

/// All blocks of a file. Text between them is ignored.
fn blocks(file: &[u8]) -> Result<Vec<Block<'_>>, ClientCertificateError> {
    let mut found = Vec::new();
    let mut open: Option<(usize, &[u8])> = None;
    let mut next = 0;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let start = next;
        next += line.len();
        let line = line.trim_ascii_end();
        if let Some(label) = label_of(line, b"-----BEGIN ") {
            if open.replace((start, label)).is_some() {
                return Err(ClientCertificateError::Damaged); // two files, the first truncated
            }
        } else if let Some(label) = label_of(line, b"-----END ") {
            let (begin, opened) = open.take().ok_or(ClientCertificateError::Damaged)?;
            let text = file.get(begin..start + line.len()).unwrap_or_default();
            match std::str::from_utf8(text) {
                Ok(text) if label == opened => found.push(Block { label, text }),
                _ => return Err(ClientCertificateError::Damaged),
            }
        }
    }
    if open.is_some() {
        return Err(ClientCertificateError::Damaged);
    }
    Ok(found)
}

fn label_of<'a>(line: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(begin)?.strip_suffix(b"-----")
}

/// The error for a file that does not contain what it should; `otherwise` if the file is PEM.
fn what_it_is_instead(file: &[u8], otherwise: ClientCertificateError) -> ClientCertificateError {
    // A SEQUENCE, whose length takes one to four bytes, that begins with the version of PKCS#12,
    // the INTEGER 3 (RFC 7292 §4).
    let is_pkcs12 = |at: usize| file.get(at..at + 3) == Some(&[0x02, 0x01, 0x03]);
    match file.first() {
        _ if file.trim_ascii().is_empty() => ClientCertificateError::Empty,
        Some(0x30) if (2..=5).any(is_pkcs12) => ClientCertificateError::Pkcs12,
        Some(0x30) => ClientCertificateError::Der,
        _ => otherwise,
    }
}

fn certificates(chain: &str) -> Result<Vec<CertificateDer<'static>>, ClientCertificateError> {
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes());
    let certificates = certificates.collect::<Result<_, _>>();
    certificates.map_err(|_| ClientCertificateError::Damaged)
}

/// The bytes of a key's block. The buffers have their full capacity from the start: a buffer that
/// grows would leave an unwiped copy behind.
fn decoded(key: &str) -> Result<Zeroizing<Vec<u8>>, ClientCertificateError> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(key.len()));
    for line in key.lines().filter(|line| !line.starts_with("-----")) {
        base64.extend_from_slice(line.trim().as_bytes());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(key.len()));
    let decoded = BASE64_STANDARD.decode_vec(&*base64, &mut bytes);
    decoded.map_err(|_| ClientCertificateError::Damaged)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    fn made(key: &KeyPair) -> (String, Secret<Vec<u8>>) {
        let params = CertificateParams::new(vec!["ada".to_owned()]).unwrap();
        let certificate = params.self_signed(key).unwrap().pem();
        (certificate, Secret::new(key.serialize_pem().into_bytes()))
    }

    fn pair(
        certificate: &str,
        key: &Secret<Vec<u8>>,
    ) -> Result<ClientCertificate, ClientCertificateError> {
        let chain = ClientCertificate::chain_of(certificate.as_bytes())?;
        ClientCertificate::new(chain, ClientCertificate::key_of(key)?)
    }

    #[test]
    fn a_file_may_hold_both_in_any_order_and_among_other_text() {
        let keys = [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];
        for key in keys.map(|algorithm| KeyPair::generate_for(algorithm).unwrap()) {
            let (certificate, key) = made(&key);
            let key_text = String::from_utf8(key.expose().clone()).unwrap();
            for both in [
                format!("{certificate}{key_text}"),
                format!("{key_text}{certificate}"),
                format!(
                    "Bag Attributes\n  friendlyName: ada\n{key_text}\nsubject=x\n{certificate}{certificate}"
                ),
                format!("{key_text}{certificate}").replace('\n', "\r\n"),
                format!("{certificate}{key_text}").trim_end().to_owned(),
            ] {
                let file = Secret::new(both.clone().into_bytes());
                let found = pair(&both, &file).unwrap();
                assert!(!found.chain().contains("PRIVATE KEY"));
                assert!(!found.key().expose().contains("CERTIFICATE"));
                let first = both.matches("BEGIN CERTIFICATE").count();
                assert_eq!(found.certified().unwrap().cert.len(), first);
                assert!(!format!("{found:?}").contains("PRIVATE KEY"));
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_called_what_it_is() {
        use ClientCertificateError as E;
        let (certificate, key) = made(&KeyPair::generate().unwrap());
        let (_, other) = made(&KeyPair::generate().unwrap());
        assert_eq!(pair(&certificate, &other).unwrap_err(), E::Mismatch);
        let chain_of = |text: &[u8]| ClientCertificate::chain_of(text).unwrap_err();
        assert_eq!(chain_of(b" \n"), E::Empty);
        assert_eq!(chain_of(b"hello"), E::NoCertificate);
        assert_eq!(chain_of(key.expose()), E::NoCertificate);
        assert_eq!(chain_of(&certificate.as_bytes()[..200]), E::Damaged);
        let half = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n";
        let half_and_whole = format!("{half}{certificate}");
        assert_eq!(chain_of(half_and_whole.as_bytes()), E::Damaged);
        assert_eq!(chain_of(&[0x30, 0x82, 1, 2, 0x02, 0x01, 0x03]), E::Pkcs12);
        assert_eq!(chain_of(&[0x30, 0x82, 1, 2, 0x30, 0x82]), E::Der);
        let nothing = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let second = format!("{certificate}{nothing}");
        assert!(
            matches!(
                chain_of(second.as_bytes()),
                E::Certificate { position: 2, .. }
            ),
            "{second}"
        );
        let key_of = |text: &str| {
            let file = Secret::new(text.as_bytes().to_vec());
            pair(&certificate, &file).unwrap_err()
        };
        assert_eq!(key_of(&certificate), E::NoKey);
        for (label, body) in [
            ("ENCRYPTED PRIVATE KEY", "aGVsbG8="),
            (
                "RSA PRIVATE KEY",
                "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\naGVsbG8=",
            ),
        ] {
            let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            assert_eq!(key_of(&text), E::Encrypted, "{text}");
        }
        let text =
            |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
        assert_eq!(key_of(&text("aGVsbG8=")), E::Key);
        assert_eq!(key_of(&text("MAA=")), E::Key);
        assert_eq!(key_of(&text("!")), E::Damaged);
        assert_eq!(
            key_of(&text("aGVsbG8=").replace("END", "BEGIN")),
            E::Damaged
        );
    }

    #[test]
    fn certificates_are_told_apart_by_what_they_are() {
        let (certificate, key) = made(&KeyPair::generate().unwrap());
        let (other, other_key) = made(&KeyPair::generate().unwrap());
        let one = pair(&certificate, &key).unwrap();
        assert_eq!(one, one.clone());
        assert_ne!(one, pair(&other, &other_key).unwrap());
    }
}
