//! What can go wrong while minting, or while reading the roots that somebody else wrote.

use std::path::PathBuf;

/// An error of this crate. The variants that begin with `CaFile` blame the user's file, the others
/// say whose fault they are themselves. None carries key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// A block says CERTIFICATE, but its content cannot serve as a root.
    #[error("certificate {position} of the CA file cannot be used as a root")]
    CaFileCertificate {
        /// Which CERTIFICATE block, counted from 1.
        position: usize,
        /// What the verifier says about it.
        source: rustls::Error,
    },
    /// The file is binary DER; it has to be converted (`openssl x509 -inform der`).
    #[error("the CA file is in DER form, not PEM")]
    CaFileDer,
    /// The file has no content but white space.
    #[error("the CA file is empty")]
    CaFileEmpty,
    /// A PEM block is damaged: bad base64, or no END line.
    #[error("the CA file has a damaged PEM block")]
    CaFileMalformed {
        /// Where the decoder stopped.
        source: rustls_pki_types::pem::Error,
    },
    /// The file is no PEM text at all.
    #[error("the CA file is not PEM: it has no line `-----BEGIN CERTIFICATE-----`")]
    CaFileNotPem,
    /// The file is PEM text, but of something else, such as a certificate request.
    #[error("the CA file has no certificate: it begins with a block `{label}`")]
    CaFileOtherPem {
        /// The label of the first block.
        label: String,
    },
    /// The file is a private key. A CA's key is never asked for.
    #[error("the CA file has no certificate: it is a private key")]
    CaFilePrivateKey,
    /// The certificate could not be encoded or signed.
    #[error("cannot make a certificate")]
    Certificate {
        /// The encoder's reason.
        #[from]
        source: rcgen::Error,
    },
    /// The clock's time has no form in a certificate (before 1970, or after the year 9999).
    #[error("the system clock is out of range")]
    ClockOutOfRange,
    /// A permitted domain is not a DNS name (RFC 1034 §3.5), so it cannot stand in a name
    /// constraint.
    #[error("`{domain}` is not a DNS name")]
    InvalidDomain {
        /// The text as it was given.
        domain: String,
    },
    /// The TLS library does not take the key that was just made.
    #[error("the TLS library refuses the leaf key")]
    LeafKey {
        /// The library's reason.
        source: rustls::Error,
    },
    /// A certificate was asked for a host outside the session's name constraints; every verifier
    /// would refuse it.
    #[error("`{host}` is not a host that this session intercepts")]
    NotPermitted {
        /// The host that was asked for.
        host: String,
    },
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Randomness {
        /// The kernel's reason.
        #[from]
        source: getrandom::Error,
    },
    /// The file of roots that the user's environment names cannot be read.
    #[error("cannot read the CA file {}", path.display())]
    RootsUnreadable {
        /// The file, as it was named.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
