//! The roots in Java's own format, which a Java program can read without a password.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls_pki_types::CertificateDer;

/// The first bytes of a JKS file.
const MAGIC: u32 = 0xFEED_FEED;

/// The version that Java has written since 1.2.
const VERSION: u32 = 2;

/// The type of an entry that is a trusted certificate, not a key.
const TRUSTED_CERTIFICATE: u32 = 2;

/// The password of Java's own `cacerts`, and the constant that the format adds to its digest. They
/// protect nothing: the file has no secret in it, and a Java program that names no password skips
/// the digest.
const PASSWORD: &str = "changeit";
const DIGEST_WORDS: &[u8] = b"Mighty Aphrodite";

/// A JKS file (`sun.security.provider.JavaKeyStore`, method `engineStore`) up to its last entry.
///
/// In a session, the last entry is the session CA and all others are the platform's roots. To lay
/// them out, and to digest them, takes as long as all that a session's start does for Java, so it
/// is done before that CA is there.
///
/// The format is JKS and not PKCS #12, which needs Oracle's attribute for trusted certificates and
/// a key derivation that takes longer than the whole start of a session.
#[derive(Clone)]
pub(crate) struct Beginning {
    bytes: Vec<u8>,
    digest: Context,
    entries: usize,
    created_ms: u64,
}

impl Beginning {
    /// The file with these certificates as trusted entries, and one more. `created_ms` is the
    /// entries' date, in milliseconds since 1970.
    pub(crate) fn new(certificates: &[CertificateDer<'_>], created_ms: u64) -> Self {
        let size: usize = certificates.iter().map(|der| der.len() + 40).sum();
        let mut bytes = Vec::with_capacity(size + 64);
        bytes.extend(MAGIC.to_be_bytes());
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(length(certificates.len() + 1).to_be_bytes());
        for (index, certificate) in certificates.iter().enumerate() {
            entry(&mut bytes, index, certificate, created_ms);
        }
        let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        for unit in PASSWORD.encode_utf16() {
            digest.update(&unit.to_be_bytes());
        }
        digest.update(DIGEST_WORDS);
        digest.update(&bytes);
        Self {
            bytes,
            digest,
            entries: certificates.len(),
            created_ms,
        }
    }

    /// The bytes of the file so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The rest of the file: the entry of the last certificate, and the digest of all.
    pub(crate) fn rest(&self, certificate: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        entry(&mut rest, self.entries, certificate, self.created_ms);
        let mut digest = self.digest.clone();
        digest.update(&rest);
        rest.extend_from_slice(digest.finish().as_ref());
        rest
    }
}

impl fmt::Debug for Beginning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Beginning");
        shown
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

/// Appends an entry for a trusted certificate.
fn entry(store: &mut Vec<u8>, index: usize, certificate: &[u8], created_ms: u64) {
    store.extend(TRUSTED_CERTIFICATE.to_be_bytes());
    text(store, &index.to_string());
    store.extend(created_ms.to_be_bytes());
    text(store, "X.509");
    store.extend(length(certificate.len()).to_be_bytes());
    store.extend_from_slice(certificate);
}

/// Appends text in Java's modified UTF-8, with its length in front. Only ASCII is used here, which
/// modified UTF-8 encodes like UTF-8.
fn text(store: &mut Vec<u8>, text: &str) {
    store.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    store.extend_from_slice(text.as_bytes());
}

/// The format has 32-bit counts; no set of roots is that large.
fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_laid_out_as_java_reads_it() {
        let beginning = Beginning::new(&[CertificateDer::from(vec![0xAA, 0xBB])], 0x0102);
        let expected = [
            &[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 2][..], // magic, version, two entries
            &[0, 0, 0, 2, 0, 1, b'0'], // a trusted certificate, alias "0"
            &[0, 0, 0, 0, 0, 0, 1, 2, 0, 5], // its date, a text of 5
            b"X.509",
            &[0, 0, 0, 2, 0xAA, 0xBB],
        ]
        .concat();
        assert_eq!(beginning.bytes(), expected);
        let last = [
            &[0, 0, 0, 2, 0, 1, b'1', 0, 0, 0, 0, 0, 0, 1, 2, 0, 5][..],
            b"X.509",
            &[0, 0, 0, 1, 0xCC],
        ]
        .concat();
        let rest = beginning.rest(&[0xCC]);
        assert_eq!(rest[..last.len()], last);
        assert_eq!(rest.len(), last.len() + 20, "a SHA-1 at the end");
    }
}
