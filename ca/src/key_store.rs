//! The roots in Java's own format, which a Java program can read without a password.

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

/// A JKS file (`sun.security.provider.JavaKeyStore`, method `engineStore`) with these certificates
/// as trusted entries.
///
/// `created_ms` is the entries' date, in milliseconds since 1970. The format is JKS and not PKCS
/// #12, which needs Oracle's attribute for trusted certificates and a key derivation that takes
/// longer than the whole start of a session.
pub(crate) fn encode(certificates: &[CertificateDer<'_>], created_ms: u64) -> Vec<u8> {
    let size: usize = certificates.iter().map(|der| der.len() + 40).sum();
    let mut store = Vec::with_capacity(size + 64);
    store.extend(MAGIC.to_be_bytes());
    store.extend(VERSION.to_be_bytes());
    store.extend(length(certificates.len()).to_be_bytes());
    for (index, certificate) in certificates.iter().enumerate() {
        store.extend(TRUSTED_CERTIFICATE.to_be_bytes());
        text(&mut store, &index.to_string());
        store.extend(created_ms.to_be_bytes());
        text(&mut store, "X.509");
        store.extend(length(certificate.len()).to_be_bytes());
        store.extend_from_slice(certificate);
    }
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for unit in PASSWORD.encode_utf16() {
        digest.update(&unit.to_be_bytes());
    }
    digest.update(DIGEST_WORDS);
    digest.update(&store);
    store.extend_from_slice(digest.finish().as_ref());
    store
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
        let store = encode(&[CertificateDer::from(vec![0xAA, 0xBB])], 0x0102);
        let expected = [
            &[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1][..], // magic, version, one entry
            &[0, 0, 0, 2, 0, 1, b'0'], // a trusted certificate, alias "0"
            &[0, 0, 0, 0, 0, 0, 1, 2, 0, 5], // its date, a text of 5
            b"X.509",
            &[0, 0, 0, 2, 0xAA, 0xBB],
        ]
        .concat();
        assert_eq!(store[..expected.len()], expected);
        assert_eq!(store.len(), expected.len() + 20, "a SHA-1 at the end");
    }
}
