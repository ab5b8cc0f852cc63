//! TLS to the providers: the roots that are trusted.
//!
//! There is no switch that turns verification off.

mod client_certificate;
mod own;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use authsome_ca::{CaError, TrustBundle, parse_ca_pem};
use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::{CipherSuite, ClientConfig, ConfigBuilder, RootCertStore};

pub use self::client_certificate::{
    CertificateRequests, ClientCertificate, ClientCertificateError,
};
use self::own::OwnCertificates;
pub use self::trouble::{TlsRemedy, TlsTrouble, rustls_error};
use crate::clock::Timestamp;
use crate::os::second_thread::SecondThread;

/// OpenSSL's default directory of roots, or a link to it: on Debian and SUSE, Debian's
/// `OPENSSLDIR`, on Fedora.
const PLATFORM_DIRECTORIES: [&str; 3] =
    ["/etc/ssl/certs", "/usr/lib/ssl/certs", "/etc/pki/tls/certs"];

/// Why there is no usable set of roots.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Neither the platform nor `SSL_CERT_FILE` provides a usable root.
    #[error("no trusted root certificate was found on this system")]
    Empty,
    /// The cryptography provider does not support the protocol versions.
    #[error("no usable TLS version")]
    Tls(#[from] rustls::Error),
    /// A certificate file cannot be used.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The stored client certificate cannot be used.
    #[error("the connection's client certificate cannot be used: {0}")]
    ClientCertificate(#[from] ClientCertificateError),
}

/// The platform's roots and those from `SSL_CERT_FILE` and `SSL_CERT_DIR`, read when first needed.
#[derive(Debug)]
pub struct Trust {
    extra_file: Option<PathBuf>,
    extra_directories: Vec<PathBuf>,
    roots: OnceLock<Arc<RootCertStore>>,
    /// Held while they are made: who needs them meanwhile waits, instead of reading all again.
    making: Mutex<()>,
}

impl Trust {
    /// `extra_file` is the value of `SSL_CERT_FILE`, `extra_directories` those of `SSL_CERT_DIR`.
    pub fn new(extra_file: Option<PathBuf>, extra_directories: Vec<PathBuf>) -> Self {
        // The platform's directory holds the same roots as the platform's file.
        let is_platforms = |directory: &PathBuf| {
            PLATFORM_DIRECTORIES
                .iter()
                .any(|usual| directory == Path::new(usual))
        };
        Self {
            extra_file,
            extra_directories: extra_directories
                .into_iter()
                .filter(|directory| !is_platforms(directory))
                .collect(),
            roots: OnceLock::new(),
            making: Mutex::new(()),
        }
    }

    /// All roots as PEM.
    pub fn bundle(&self) -> Result<TrustBundle, TrustError> {
        let now = Timestamp::now().to_system_time();
        let bundle = TrustBundle::platform(self.extra_file.as_deref(), now)?;
        let directories = self.extra_directories.iter();
        Ok(directories.fold(bundle, |bundle, directory| bundle.with_directory(directory)))
    }

    /// The files that the bundle was read from.
    pub fn files(&self) -> Vec<&Path> {
        let platform = TrustBundle::platform_file().into_iter();
        platform.chain(self.extra_file()).collect()
    }

    /// The value of `SSL_CERT_FILE`, if it is set.
    pub fn extra_file(&self) -> Option<&Path> {
        self.extra_file.as_deref()
    }

    /// Reads and parses all roots on a separate thread, and lays them out for Java, because this
    /// takes as long as the rest of a session's start. They are needed for the session's files and,
    /// in a verifier's form, for its first connection to a provider.
    pub fn read_ahead(self: &Arc<Self>) -> ReadAhead {
        self.read_by(|read| thread::Builder::new().spawn(read).is_ok())
    }

    /// The same on that thread.
    pub(crate) fn read_ahead_on(self: &Arc<Self>, thread: &SecondThread) -> ReadAhead {
        self.read_by(|read| thread.give(read))
    }

    fn read_by(self: &Arc<Self>, give: impl FnOnce(Box<dyn FnOnce() + Send>) -> bool) -> ReadAhead {
        let trust = Arc::clone(self);
        let (sender, bundle) = mpsc::channel();
        let read = move || {
            let _making = trust.making.lock();
            let bundle = trust.bundle().map(Arc::new);
            let roots = bundle.as_ref().ok().cloned();
            if let Some(roots) = &roots {
                roots.prepare_java_key_store();
            }
            let _ = sender.send(bundle); // the session's start may have been given up
            if let Some(roots) = roots {
                let _ = trust.adopt(&roots); // that connection reports unusable roots
            }
        };
        ReadAhead {
            trust: Arc::clone(self),
            bundle: give(Box::new(read)).then_some(bundle),
        }
    }

    /// A verifying client configuration without ALPN. It trusts `connection_ca` (PEM) as well, and
    /// presents `certificate` to servers that request one.
    pub fn client_config(
        &self,
        connection_ca: &[&str],
        certificate: Option<&ClientCertificate>,
    ) -> Result<ClientConfig, TrustError> {
        let builder = self.verifying(connection_ca)?;
        Ok(match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let certified = SingleCertAndKey::from(certificate.certified()?);
                builder.with_client_cert_resolver(Arc::new(certified))
            }
        })
    }

    /// A configuration builder with a verifier. With a CA of the connection's own, the platform may
    /// have no roots.
    fn verifying(
        &self,
        connection_ca: &[&str],
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TrustError> {
        let builder = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()?;
        if connection_ca.is_empty() {
            return Ok(builder.with_root_certificates(self.roots()?));
        }
        let mut roots = match self.roots() {
            Err(TrustError::Empty) => RootCertStore::empty(),
            roots => RootCertStore::clone(&*roots?),
        };
        let mut own = Vec::new();
        for pem in connection_ca {
            own.extend(parse_ca_pem(pem.as_bytes())?);
        }
        roots.add_parsable_certificates(own.iter().cloned());
        let verifier = OwnCertificates::new(Arc::new(roots), own, crypto_provider());
        // rustls calls this `dangerous` because a custom verifier may verify less. This one
        // verifies with webpki, and also accepts the exact certificates that the user trusts.
        let builder = builder.dangerous();
        Ok(builder.with_custom_certificate_verifier(Arc::new(verifier)))
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, TrustError> {
        if let Some(roots) = self.roots.get() {
            return Ok(Arc::clone(roots));
        }
        let _making = self.making.lock();
        match self.roots.get() {
            Some(roots) => Ok(Arc::clone(roots)),
            None => self.adopt(&self.bundle()?),
        }
    }

    fn adopt(&self, bundle: &TrustBundle) -> Result<Arc<RootCertStore>, TrustError> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(bundle.certificates());
        if store.is_empty() {
            return Err(TrustError::Empty);
        }
        Ok(Arc::clone(self.roots.get_or_init(|| Arc::new(store))))
    }
}

/// Roots that are being read on another thread.
#[derive(Debug)]
pub struct ReadAhead {
    trust: Arc<Trust>,
    /// Comes from the thread; `None` if none could be started.
    bundle: Option<mpsc::Receiver<Result<Arc<TrustBundle>, TrustError>>>,
}

impl ReadAhead {
    /// The trust that the roots are read for.
    pub fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// Whether a thread could be started for them.
    pub fn is_on_thread(&self) -> bool {
        self.bundle.is_some()
    }

    /// All roots, as [`Trust::bundle`] returns them.
    pub fn bundle(self) -> Result<Arc<TrustBundle>, TrustError> {
        match self.bundle.map(|bundle| bundle.recv()) {
            Some(Ok(bundle)) => bundle,
            _ => self.trust.bundle().map(Arc::new),
        }
    }
}

/// aws-lc, for every handshake in both directions. AES-128 precedes AES-256, which takes 14 rounds
/// instead of 10 and is no safer in practice.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        let is_longer = |suite: CipherSuite| {
            use CipherSuite as Suite;
            [
                Suite::TLS13_AES_256_GCM_SHA384,
                Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            ]
            .contains(&suite)
        };
        // Moves each AES-256 suite to the end of its group (TLS 1.3, ECDSA, RSA). The groups keep
        // their order, and AES-128 stays before ChaCha20.
        let suites = &mut provider.cipher_suites;
        for at in 1..suites.len() {
            if is_longer(suites[at - 1].suite()) && !is_longer(suites[at].suite()) {
                suites.swap(at - 1, at);
            }
        }
        Arc::new(provider)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_cipher_goes_first_in_each_version() {
        let provider = crypto_provider();
        let names = provider
            .cipher_suites
            .iter()
            .map(|suite| format!("{:?}", suite.suite()));
        let names: Vec<_> = names.collect();
        let place = |part: &str| names.iter().position(|name| name.contains(part)).unwrap();
        for version in ["TLS13", "TLS_ECDHE_ECDSA", "TLS_ECDHE_RSA"] {
            let short = names
                .iter()
                .position(|name| name.starts_with(version) && name.contains("AES_128"));
            let long = names
                .iter()
                .position(|name| name.starts_with(version) && name.contains("AES_256"));
            assert!(short.unwrap() < long.unwrap(), "{names:?}");
        }
        assert!(place("TLS13") < place("TLS_ECDHE"), "{names:?}");
    }
}
