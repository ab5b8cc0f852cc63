//! Reads and writes PEM text (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::CaError;
use crate::key_store::{Beginning, Layout};

/// Parses a user's `--ca-file`: at least one CERTIFICATE block, each usable as a root. Other blocks
/// are ignored.
///
/// The error says what the file is instead: empty, DER, a private key, other PEM, no PEM, or
/// damaged.
pub fn parse_ca_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CaError> {
    if is_der(text) {
        return Err(CaError::CaFileDer);
    }
    let certificates = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| CaError::CaFileMalformed { source })?;
    if certificates.is_empty() {
        return Err(what_it_is_instead(text));
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        store
            .add(certificate.clone())
            .map_err(|source| CaError::CaFileCertificate {
                position: index + 1,
                source,
            })?;
    }
    Ok(certificates)
}

/// All certificates in `text`. Other blocks and damaged ones are skipped, as OpenSSL does for a
/// file of roots.
pub(crate) fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut found = Vec::new();
    let plain = plain(text, |base64| {
        found.push(STANDARD.decode(base64).ok()?.into());
        Some(())
    });
    match plain {
        Some(()) => found,
        None => CertificateDer::pem_slice_iter(text).flatten().collect(),
    }
}

/// The same certificates, as the beginning of a Java key store dated `created_ms` (milliseconds
/// since 1970).
pub(crate) fn key_store(text: &[u8], created_ms: u64) -> Beginning {
    // A block's first and last line take more than an entry has besides its certificate.
    let size = text.len() / 4 * 3;
    let mut store = Layout::new(size, created_ms);
    let plain = plain(text, |base64| {
        store.add(|der| STANDARD.decode_vec(base64, der).ok())
    });
    if plain.is_none() {
        store = Layout::new(size, created_ms);
        for certificate in CertificateDer::pem_slice_iter(text).flatten() {
            store.add(|der| {
                der.extend_from_slice(&certificate);
                Some(())
            });
        }
    }
    store.finish()
}

/// A fast path for text with only well-formed CERTIFICATE blocks; `None` for any other text, and
/// where `found`, which is given the Base64 of each block, returns `None`. Each start reads all
/// roots of the platform. rustls's reader is constant-time, because it also reads secrets, and
/// takes eight times as long for them.
fn plain(text: &[u8], mut found: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    let mut base64 = Vec::with_capacity(DEFAULT_BLOCK);
    let mut is_within = false;
    // As text, whose line feeds are searched for several bytes at once.
    for line in str::from_utf8(text).ok()?.split('\n') {
        match (line, is_within) {
            ("-----BEGIN CERTIFICATE-----", false) => {
                base64.clear();
                is_within = true;
            }
            ("-----END CERTIFICATE-----", true) => {
                found(&base64)?;
                is_within = false;
            }
            (line, _) if line.starts_with("-----") => return None,
            (line, true) => base64.extend_from_slice(line.as_bytes()),
            (_, false) => {} // text between the blocks
        }
    }
    (!is_within).then_some(())
}

/// The certificate as one PEM block that ends with a line feed.
pub(crate) fn encode(certificate: &CertificateDer<'_>) -> String {
    let block = pem::Pem::new("CERTIFICATE", certificate.as_ref());
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&block, config)
}

fn what_it_is_instead(text: &[u8]) -> CaError {
    if text.trim_ascii().is_empty() {
        return CaError::CaFileEmpty;
    }
    let text = String::from_utf8_lossy(text);
    let label = text
        .lines()
        .find_map(|line| line.strip_prefix("-----BEGIN ")?.split_once("-----"));
    match label {
        None => CaError::CaFileNotPem,
        Some((label, _)) if label.ends_with("PRIVATE KEY") => CaError::CaFilePrivateKey,
        Some((label, _)) => CaError::CaFileOtherPem {
            label: label.escape_debug().take(LABEL_SHOWN).collect(),
        },
    }
}

/// A DER SEQUENCE with a length in the long form, as every certificate is. PEM text cannot begin
/// like this: `0` followed by a byte that is not ASCII.
fn is_der(text: &[u8]) -> bool {
    matches!(text, [0x30, 0x81..=0x84, ..])
}

/// The initial capacity for a block's base64, enough for most roots.
const DEFAULT_BLOCK: usize = 2048;

/// How many characters of an unexpected label an error repeats.
const LABEL_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{BACKDATE, SessionCa};

    fn ca() -> SessionCa {
        SessionCa::new(&[], UNIX_EPOCH + BACKDATE).unwrap()
    }

    fn fault(text: impl AsRef<[u8]>) -> CaError {
        parse_ca_pem(text.as_ref()).unwrap_err()
    }

    #[test]
    fn takes_each_certificate_and_passes_over_the_rest() {
        let (one, other) = (ca(), ca());
        let text = format!(
            "a comment\r\n{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{}",
            one.certificate_pem(),
            other.certificate_pem()
        );
        let certificates = parse_ca_pem(text.as_bytes()).unwrap();
        assert_eq!(
            certificates,
            [
                one.certificate_der().clone(),
                other.certificate_der().clone()
            ]
        );
    }

    #[test]
    fn the_quick_reader_and_the_thorough_one_agree() {
        let (one, other) = (ca(), ca());
        let text = format!(
            "# One\n{}\n# Other\n{}",
            one.certificate_pem(),
            other.certificate_pem()
        );
        let both = [&one, &other].map(|ca| ca.certificate_der().clone());
        let is_plain = |text: &str| plain(text.as_bytes(), |_| Some(())).is_some();
        let stored = key_store(text.as_bytes(), 0);
        assert!(stored.certificates().eq(both.iter().cloned()));
        assert!(is_plain(&text));
        assert!(is_plain(""));
        assert_eq!(certificates(text.as_bytes()), both);
        assert_eq!(certificates(b""), []);
        // The fast path leaves any other text to the slow one.
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let begun = "-----BEGIN CERTIFICATE-----\n";
        for (odd, expected) in [
            (text.replace('\n', "\r\n"), &both[..]),
            (format!("{key}{text}"), &both),
            (text.replace("\nMII", "\n MII"), &both),
            (text.replacen("\nMII", "\nM?I", 1), &both[1..]),
            (format!("{text}{begun}AAAA\n"), &both),
            (format!("{begun}{text}"), &both[1..]),
            (text.trim_end_matches("-\n").to_owned(), &both[..1]),
        ] {
            let decodes = |base64: &[u8]| STANDARD.decode(base64).ok().map(|_| ());
            assert_eq!(plain(odd.as_bytes(), decodes), None, "{odd}");
            assert_eq!(certificates(odd.as_bytes()), expected, "{odd}");
            let store = key_store(odd.as_bytes(), 0);
            assert!(store.certificates().eq(expected.iter().cloned()), "{odd}");
        }
    }

    #[test]
    fn says_what_the_file_is_instead() {
        assert!(matches!(fault(""), CaError::CaFileEmpty));
        assert!(matches!(fault(" \n\t"), CaError::CaFileEmpty));
        assert!(matches!(fault("hello"), CaError::CaFileNotPem));
        assert!(matches!(fault(ca().certificate_der()), CaError::CaFileDer));
        let key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        assert!(matches!(fault(key), CaError::CaFilePrivateKey));
        let request =
            "-----BEGIN NEW CERTIFICATE REQUEST-----\nAA==\n-----END NEW CERTIFICATE REQUEST-----";
        assert_eq!(
            fault(request).to_string(),
            "the CA file has no certificate: it begins with a block `NEW CERTIFICATE REQUEST`"
        );
    }

    #[test]
    fn refuses_damaged_blocks() {
        let whole = ca().certificate_pem().to_owned();
        let cut = &whole[..whole.len() - 40];
        assert!(matches!(fault(cut), CaError::CaFileMalformed { .. }));
        let bad = whole.replacen("MII", "M?I", 1);
        assert!(matches!(fault(bad), CaError::CaFileMalformed { .. }));
        let garbage =
            format!("{whole}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(matches!(
            fault(garbage),
            CaError::CaFileCertificate { position: 2, .. }
        ));
    }
}
