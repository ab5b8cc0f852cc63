//! Errors of making certificates, and of reading roots from files.

use std::path::PathBuf;

/// An error of this crate. The variants that begin with `CaFile` are errors in the user's file;
/// each of the others names its cause. None contains key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// A CERTIFICATE block cannot serve as a root.
    #[error("certificate {position} of the CA file cannot be used as a root")]
    CaFileCertificate {
        /// Which CERTIFICATE block, counted from 1.
        position: usize,
        /// The verifier's reason.
        source: rustls::Error,
    },
    /// The file is binary DER; it has to be converted (`openssl x509 -inform der`).
    #[error("the CA file is in DER form, not PEM")]
    CaFileDer,
    /// The file is empty, or has only white space.
    #[error("the CA file is empty")]
    CaFileEmpty,
    /// A PEM block is damaged: bad base64, or no END line.
    #[error("the CA file has a damaged PEM block")]
    CaFileMalformed {
        /// Where the decoder stopped.
        source: rustls_pki_types::pem::Error,
    },
    /// The file is not PEM.
    #[error("the CA file is not PEM: it has no line `-----BEGIN CERTIFICATE-----`")]
    CaFileNotPem,
    /// The file is PEM of another kind, such as a certificate request.
    #[error("the CA file has no certificate: it begins with a block `{label}`")]
    CaFileOtherPem {
        /// The label of the first block.
        label: String,
    },
    /// The file holds a private key. A CA's key is never needed.
    #[error("the CA file has no certificate: it is a private key")]
    CaFilePrivateKey,
    /// The certificate could not be encoded or signed.
    #[error("cannot make a certificate")]
    Certificate {
        /// The encoder's reason.
        #[from]
        source: rcgen::Error,
    },
    /// The time cannot be encoded in a certificate (before 1970, or after the year 9999).
    #[error("the system clock is out of range")]
    ClockOutOfRange,
    /// A permitted domain is not a DNS name (RFC 1034 §3.5), so it cannot be in a name constraint.
    #[error("`{domain}` is not a DNS name")]
    InvalidDomain {
        /// The text as it was given.
        domain: String,
    },
    /// The TLS library could not generate a key, for want of memory or of random bytes.
    #[error("cannot generate a key")]
    Key,
    /// A certificate was requested for a host outside the session's name constraints. Verifiers
    /// that enforce them would reject it.
    #[error("`{host}` is not a host that this session intercepts")]
    NotPermitted {
        /// The requested host.
        host: String,
    },
    /// The kernel did not provide random bytes.
    #[error("the system has no random bytes")]
    Randomness {
        /// The kernel's reason.
        #[from]
        source: getrandom::Error,
    },
    /// The file of roots that the user's environment names cannot be read.
    #[error("cannot read the CA file {}", path.display())]
    RootsUnreadable {
        /// The file, as the environment names it.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
