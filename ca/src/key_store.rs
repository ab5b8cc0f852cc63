//! The roots in Java's own format, which a Java program can read without a password.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls_pki_types::CertificateDer;

/// The first bytes of a JKS file.
const MAGIC: u32 = 0xFEED_FEED;

/// The version that Java has written since 1.2.
const VERSION: u32 = 2;

/// Where the number of entries stands, after those two.
const AT_ENTRIES: usize = 8;

/// The type of an entry that is a trusted certificate, not a key.
const TRUSTED_CERTIFICATE: u32 = 2;

/// The password of Java's own `cacerts`, and the constant that the format adds to its digest. They
/// protect nothing: the file has no secret in it, and a Java program that names no password skips
/// the digest.
const PASSWORD: &str = "changeit";
const DIGEST_WORDS: &[u8] = b"Mighty Aphrodite";

/// The most that an entry has besides its certificate: type, alias, date, kind and length.
const ENTRY_OVERHEAD: usize = 40;

/// A JKS file (`sun.security.provider.JavaKeyStore`, method `engineStore`) up to its last entry,
/// while it is laid out.
///
/// In a session, the last entry is the session CA and all others are the platform's roots. To lay
/// them out, and to digest them, takes as long as all that a session's start does for Java, so it
/// is done before that CA is there.
///
/// The format is JKS and not PKCS #12, which needs Oracle's attribute for trusted certificates and
/// a key derivation that takes longer than the whole start of a session.
pub(crate) struct Layout {
    bytes: Vec<u8>,
    certificates: Vec<Range<usize>>,
    created_ms: u64,
}

impl Layout {
    /// Without an entry. `size` is what the certificates take, as DER, if that is known;
    /// `created_ms` is the entries' date, in milliseconds since 1970.
    pub(crate) fn new(size: usize, created_ms: u64) -> Self {
        let mut bytes = Vec::with_capacity(size + ENTRY_OVERHEAD);
        bytes.extend(MAGIC.to_be_bytes());
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        Self {
            bytes,
            certificates: Vec::new(),
            created_ms,
        }
    }

    /// Adds an entry for the trusted certificate that `append` appends as DER, so that it is in no
    /// other place before. `None` if `append` fails; the file is of no use then.
    pub(crate) fn add(&mut self, append: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
        let index = self.certificates.len();
        let certificate = entry(&mut self.bytes, index, self.created_ms, append)?;
        self.certificates.push(certificate);
        Some(())
    }

    /// What was laid out, as the beginning of a file with one more entry.
    pub(crate) fn finish(mut self) -> Beginning {
        let entries = length(self.certificates.len() + 1).to_be_bytes();
        self.bytes[AT_ENTRIES..][..entries.len()].copy_from_slice(&entries);
        Beginning {
            bytes: self.bytes,
            certificates: self.certificates,
            created_ms: self.created_ms,
            digest: OnceLock::new(),
        }
    }
}

/// The file without its last entry and its end.
#[derive(Clone)]
pub(crate) struct Beginning {
    bytes: Vec<u8>,
    /// Where each certificate is in them.
    certificates: Vec<Range<usize>>,
    created_ms: u64,
    /// Of the bytes so far, made at first use.
    digest: OnceLock<Context>,
}

impl Beginning {
    /// The bytes of the file so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The certificates in it, as DER.
    pub(crate) fn certificates(&self) -> impl ExactSizeIterator<Item = CertificateDer<'_>> {
        let ranges = self.certificates.iter();
        ranges.map(|range| CertificateDer::from(&self.bytes[range.clone()]))
    }

    /// The digest of the file so far, with the password that precedes it.
    pub(crate) fn digest(&self) -> &Context {
        self.digest.get_or_init(|| {
            let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            for unit in PASSWORD.encode_utf16() {
                digest.update(&unit.to_be_bytes());
            }
            digest.update(DIGEST_WORDS);
            digest.update(&self.bytes);
            digest
        })
    }

    /// The rest of the file: the entry of the last certificate, and the digest of all.
    pub(crate) fn rest(&self, certificate: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        let index = self.certificates.len();
        entry(&mut rest, index, self.created_ms, |rest| {
            rest.extend_from_slice(certificate);
            Some(())
        });
        let mut digest = self.digest().clone();
        digest.update(&rest);
        rest.extend_from_slice(digest.finish().as_ref());
        rest
    }
}

impl fmt::Debug for Beginning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Beginning");
        shown
            .field("entries", &self.certificates.len())
            .finish_non_exhaustive()
    }
}

/// Appends an entry for the trusted certificate that `append` appends. Returns where that is, or
/// `None` if `append` fails.
fn entry(
    store: &mut Vec<u8>,
    index: usize,
    created_ms: u64,
    append: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Option<Range<usize>> {
    store.extend(TRUSTED_CERTIFICATE.to_be_bytes());
    text(store, &index.to_string());
    store.extend(created_ms.to_be_bytes());
    text(store, "X.509");
    // How long it is stands before it, and is known after it.
    let before = store.len();
    store.extend(0_u32.to_be_bytes());
    let begin = store.len();
    append(store)?;
    let certificate = begin..store.len();
    store[before..begin].copy_from_slice(&length(certificate.len()).to_be_bytes());
    Some(certificate)
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
        let mut layout = Layout::new(2, 0x0102);
        layout.add(|der| {
            der.extend([0xAA, 0xBB]);
            Some(())
        });
        let beginning = layout.finish();
        let certificates: Vec<_> = beginning.certificates().collect();
        assert_eq!(certificates, [CertificateDer::from(vec![0xAA, 0xBB])]);
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
