//! TLS towards the providers: what is trusted, and that nothing else is.
//!
//! There is no switch that turns verification off.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use authsome_ca::{CaError, TrustBundle, parse_ca_pem};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

/// Where OpenSSL's default directory of roots is, or points to: Debian and SUSE, Debian's OPENSSLDIR, Fedora.
const PLATFORM_DIRECTORIES: [&str; 3] =
    ["/etc/ssl/certs", "/usr/lib/ssl/certs", "/etc/pki/tls/certs"];

/// Why there is no usable set of roots.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Neither the platform nor `SSL_CERT_FILE` has one usable root.
    #[error("no trusted root certificate was found on this system")]
    Empty,
    /// The cryptography lacks the protocol versions.
    #[error("no usable TLS version")]
    Tls(#[from] rustls::Error),
    /// A file of certificates is unusable.
    #[error(transparent)]
    Ca(#[from] CaError),
}

/// The platform's roots and what `SSL_CERT_FILE` and `SSL_CERT_DIR` name, read when first needed.
#[derive(Debug)]
pub struct Trust {
    extra_file: Option<PathBuf>,
    extra_directories: Vec<PathBuf>,
    roots: OnceLock<Arc<RootCertStore>>,
}

impl Trust {
    /// `extra_file` is what `SSL_CERT_FILE` names, `extra_directories` what `SSL_CERT_DIR` does.
    pub fn new(extra_file: Option<PathBuf>, extra_directories: Vec<PathBuf>) -> Self {
        // The platform's own directory holds what its file holds.
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
        }
    }

    /// All of them as PEM.
    pub fn bundle(&self) -> Result<TrustBundle, TrustError> {
        let bundle = TrustBundle::platform(self.extra_file.as_deref())?;
        let directories = self.extra_directories.iter();
        Ok(directories.fold(bundle, |bundle, directory| bundle.with_directory(directory)))
    }

    /// The files that the bundle was read from.
    pub fn files(&self) -> Vec<&Path> {
        let platform = TrustBundle::platform_file().into_iter();
        platform.chain(self.extra_file()).collect()
    }

    /// What `SSL_CERT_FILE` names, if anything.
    pub fn extra_file(&self) -> Option<&Path> {
        self.extra_file.as_deref()
    }

    /// A verifying client configuration that trusts `connection_ca` (PEM) as well; without ALPN.
    pub fn client_config(&self, connection_ca: &[&str]) -> Result<ClientConfig, TrustError> {
        let mut roots = self.roots()?;
        if !connection_ca.is_empty() {
            let mut more = RootCertStore::clone(&roots);
            for pem in connection_ca {
                more.add_parsable_certificates(parse_ca_pem(pem.as_bytes())?);
            }
            roots = Arc::new(more);
        }
        let builder = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, TrustError> {
        if let Some(roots) = self.roots.get() {
            return Ok(Arc::clone(roots));
        }
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.bundle()?.certificates());
        if store.is_empty() {
            return Err(TrustError::Empty);
        }
        Ok(Arc::clone(self.roots.get_or_init(|| Arc::new(store))))
    }
}

/// aws-lc, for every handshake in both directions.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}
