//! The roots that a child trusts.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::key_store::Beginning;
use crate::{CaError, pem_text};

/// How many files of a directory of roots are read, and how large each may be: a wrong directory
/// must not fill the memory.
const MAX_FILES: usize = 4096;
const MAX_FILE: u64 = 1024 * 1024;

/// PEM of all roots that a child trusts: the platform's, the user's own, and those added for the
/// session.
///
/// The files are copied without parsing; [`Self::certificates`] parses them.
#[derive(Clone, Debug, Default)]
pub struct TrustBundle {
    pem: Vec<u8>,
    /// The date of the Java key store, in milliseconds since 1970.
    created_ms: u64,
    /// The certificates in it, parsed at first use. They are in one place alone, which is that
    /// store, as a start has no use for each on its own.
    certificates: OnceLock<Beginning>,
}

impl TrustBundle {
    /// The platform's roots, then those of the file `extra` (the user's `SSL_CERT_FILE`), if it
    /// differs.
    ///
    /// The platform's roots come from the first readable one of the usual files
    /// ([`Self::platform_file`]), otherwise from the platform's certificate store. There may be
    /// none at all, as in an empty container; this is not an error here.
    /// [`CaError::RootsUnreadable`] names an `extra` that is missing or unreadable. The Java key
    /// store is dated `created`.
    pub fn platform(extra: Option<&Path>, created: SystemTime) -> Result<Self, CaError> {
        let bundle = match first_readable(PLATFORM_BUNDLES) {
            None => Self::from_roots(native_roots(), extra)?,
            // `SSL_CERT_FILE` usually names this very file; then it is not read twice.
            Some((file, roots)) => {
                Self::from_roots(roots, extra.filter(|extra| *extra != Path::new(file)))?
            }
        };
        let since = created.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            created_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            ..bundle
        })
    }

    /// The file with the platform's roots, if they are in one.
    pub fn platform_file() -> Option<&'static Path> {
        let usual = PLATFORM_BUNDLES.iter().map(Path::new);
        usual.into_iter().find(|path| path.is_file())
    }

    /// Appends the certificates in `pem` and nothing else: a private key in a CA file must not get
    /// into a file that every child can read. Damaged blocks are left out; [`crate::parse_ca_pem`]
    /// reports them.
    #[must_use]
    pub fn with_pem(mut self, pem: &str) -> Self {
        for certificate in &pem_text::certificates(pem.as_bytes()) {
            append(&mut self.pem, pem_text::encode(certificate).as_bytes());
        }
        self.certificates = OnceLock::new();
        self
    }

    /// All roots as PEM text. It ends with a line feed, unless there are none.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// The roots as DER, for a verifier. Damaged PEM blocks are skipped, as OpenSSL does;
    /// [`Self::damaged_blocks`] counts them.
    pub fn certificates(&self) -> impl ExactSizeIterator<Item = CertificateDer<'_>> {
        self.parsed().certificates()
    }

    /// Makes ready what [`Self::java_key_store_rest`] needs.
    pub fn prepare_java_key_store(&self) {
        self.parsed().digest();
    }

    /// The roots as the beginning of a Java key store (JKS) that has one certificate more; see
    /// `key_store.rs` for the format.
    pub fn java_key_store_begin(&self) -> &[u8] {
        self.parsed().bytes()
    }

    /// What follows that beginning: the certificate more (PEM), and the end.
    pub fn java_key_store_rest(&self, last: &str) -> Vec<u8> {
        let last = pem_text::certificates(last.as_bytes());
        self.parsed()
            .rest(last.first().map(AsRef::as_ref).unwrap_or_default())
    }

    fn parsed(&self) -> &Beginning {
        self.certificates
            .get_or_init(|| pem_text::key_store(&self.pem, self.created_ms))
    }

    /// Whether every certificate of `pem` is among the roots.
    pub fn covers(&self, pem: &[u8]) -> bool {
        let roots: HashSet<_> = self.certificates().collect();
        pem_text::certificates(pem)
            .iter()
            .all(|certificate| roots.contains(certificate))
    }

    /// Appends the certificates of the files in a directory (the user's `SSL_CERT_DIR`). Unreadable
    /// files are left out, as in OpenSSL.
    #[must_use]
    pub fn with_directory(mut self, directory: &Path) -> Self {
        let Ok(entries) = fs::read_dir(directory) else {
            return self;
        };
        for entry in entries.flatten().take(MAX_FILES) {
            let is_small = fs::metadata(entry.path())
                .is_ok_and(|found| found.is_file() && found.len() <= MAX_FILE);
            if is_small && let Ok(pem) = fs::read_to_string(entry.path()) {
                self = self.with_pem(&pem);
            }
        }
        self
    }

    /// How many blocks [`Self::certificates`] skips. Decodes all blocks to count them.
    pub fn damaged_blocks(&self) -> usize {
        CertificateDer::pem_slice_iter(&self.pem)
            .filter(Result::is_err)
            .count()
    }

    fn from_roots(roots: Vec<u8>, extra: Option<&Path>) -> Result<Self, CaError> {
        let of = |mut pem: Vec<u8>| {
            end_line(&mut pem);
            Self {
                pem,
                ..Self::default()
            }
        };
        let mut pem = roots;
        let Some(path) = extra else {
            return Ok(of(pem));
        };
        let extra = fs::read(path).map_err(|source| CaError::RootsUnreadable {
            path: path.to_owned(),
            source,
        })?;
        // `extra` may be a copy of the platform's file, with or without more roots at its end. A
        // session within a session sees such a file. Do not append the platform's part twice.
        let added = extra.strip_prefix(pem.as_slice()).unwrap_or(&extra);
        // Some users keep their private key in the same file. It must not get into a file that
        // every child can read.
        if contains(added, b"PRIVATE KEY") {
            for certificate in pem_text::certificates(added) {
                append(&mut pem, pem_text::encode(&certificate).as_bytes());
            }
        } else {
            append(&mut pem, added);
        }
        Ok(of(pem))
    }
}

fn append(pem: &mut Vec<u8>, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    end_line(pem);
    pem.extend_from_slice(text);
}

/// Without a line feed before it, appended text would continue the last line, and its BEGIN line
/// would be lost.
fn end_line(pem: &mut Vec<u8>) {
    if pem.last().is_some_and(|last| *last != b'\n') {
        pem.push(b'\n');
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// The first file that has content, and the content.
fn first_readable<'a>(paths: &[&'a str]) -> Option<(&'a str, Vec<u8>)> {
    paths.iter().find_map(|path| {
        let bytes = fs::read(path).ok()?;
        (!bytes.is_empty()).then_some((*path, bytes))
    })
}

fn native_roots() -> Vec<u8> {
    rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .flat_map(|certificate| pem_text::encode(certificate).into_bytes())
        .collect()
}

/// The files in which platforms keep their roots.
const PLATFORM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",   // RHEL 6, Amazon Linux
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",                  // macOS, OpenBSD, FreeBSD, Alpine
    "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD, older
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD
];

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::UNIX_EPOCH;

    use tempfile::NamedTempFile;

    use super::*;
    use crate::{BACKDATE, SessionCa};

    fn root() -> SessionCa {
        SessionCa::new(&[], UNIX_EPOCH + BACKDATE).unwrap()
    }

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn bundle(roots: &str, extra: &str) -> TrustBundle {
        let extra = file(extra);
        TrustBundle::from_roots(roots.into(), Some(extra.path())).unwrap()
    }

    #[test]
    fn joins_files_that_end_without_a_line_feed() {
        let (one, other, third) = (root(), root(), root());
        let joined = bundle(
            one.certificate_pem().trim_end(),
            other.certificate_pem().trim_end(),
        )
        .with_pem(third.certificate_pem());
        let three = [&one, &other, &third].map(|ca| ca.certificate_der().clone());
        assert!(joined.certificates().eq(three));
        assert_eq!(joined.damaged_blocks(), 0);
        let more = joined.clone().with_pem(other.certificate_pem());
        assert_eq!(more.certificates().len(), 4, "they were parsed before");
        assert!(joined.pem().ends_with(b"-----END CERTIFICATE-----\n"));
    }

    #[test]
    fn does_not_repeat_the_platform_roots() {
        let (one, other) = (root(), root());
        let platform = one.certificate_pem();
        assert_eq!(bundle(platform, platform).pem(), platform.as_bytes());
        let longer = format!("{platform}{}", other.certificate_pem());
        assert_eq!(bundle(platform, &longer).pem(), longer.as_bytes());
    }

    #[test]
    fn names_an_extra_file_that_is_missing() {
        let fault = TrustBundle::platform(Some(Path::new("/nonexistent/roots.pem")), UNIX_EPOCH)
            .unwrap_err();
        assert_eq!(
            fault.to_string(),
            "cannot read the CA file /nonexistent/roots.pem"
        );
    }

    #[test]
    fn appends_only_certificates() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let ca = root();
        let text = format!("{key}{}", ca.certificate_pem());
        let bundle = bundle("", "").with_pem(&text);
        assert_eq!(bundle.pem(), ca.certificate_pem().as_bytes());
    }

    #[test]
    fn the_java_key_store_has_the_roots_and_one_more() {
        let (one, other, last) = (root(), root(), root());
        let prepared = bundle(one.certificate_pem(), "");
        prepared.prepare_java_key_store();
        let longer = prepared.clone().with_pem(other.certificate_pem());
        for (roots, entries) in [(prepared, 2_u32), (longer, 3)] {
            let begin = roots.java_key_store_begin();
            let rest = roots.java_key_store_rest(last.certificate_pem());
            assert_eq!(begin[8..12], entries.to_be_bytes());
            assert!(contains(begin, one.certificate_der()));
            assert!(contains(&rest, last.certificate_der()));
        }
    }

    #[test]
    fn skips_and_counts_damaged_blocks() {
        let ca = root();
        let damaged = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
        let bundle = bundle(damaged, ca.certificate_pem());
        assert!(bundle.certificates().eq([ca.certificate_der().clone()]));
        assert_eq!(bundle.damaged_blocks(), 1);
    }

    #[test]
    fn takes_the_first_file_that_has_content() {
        let (empty, full) = (file(""), file("roots"));
        let paths = [
            "/nonexistent",
            empty.path().to_str().unwrap(),
            full.path().to_str().unwrap(),
        ];
        assert_eq!(first_readable(&paths).unwrap().1, b"roots");
    }
}
