//! The CA certificate of one session.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, ServerName};
use time::OffsetDateTime;

use crate::key::Key;
use crate::permitted::PermittedNames;
use crate::{CaError, PermittedHost, pem_text};

/// How long before `now` a certificate becomes valid, for clients whose clock is slow.
pub const BACKDATE: Duration = Duration::from_hours(1);
/// How long after `now` the root and all its leaves stay valid.
pub const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// The root of one session: made at its start, and gone when the process ends.
///
/// ECDSA P-256 with SHA-256, X.509 v3 (RFC 5280): critical basicConstraints (a CA, path length 0),
/// critical keyUsage (certificate and CRL signing), a subject key identifier, and critical name
/// constraints for the permitted hosts, unless every host is permitted.
pub struct SessionCa {
    issuer: Issuer<'static, Key>,
    permitted: PermittedNames,
    validity: Validity,
    der: CertificateDer<'static>,
    pem: String,
    hashed_name: String,
}

impl SessionCa {
    /// Makes a root that permits only `permitted`, valid from [`BACKDATE`] before `now` to
    /// [`LIFETIME`] after it.
    ///
    /// Fails if a domain is not a DNS name, if `now` cannot be encoded in a certificate, or if
    /// there is no randomness.
    pub fn new(permitted: &[PermittedHost], now: SystemTime) -> Result<Self, CaError> {
        let permitted = PermittedNames::parse(permitted)?;
        let validity = Validity::around(now)?;
        let key = Key::generate()?;

        // A unique name, so that the roots of two sessions in one trust store are never confused.
        let [a, b, c, d] = random()?;
        let subject = format!("authsome session {a:02x}{b:02x}{c:02x}{d:02x}");
        let mut params = params(validity, &subject)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = permitted.constraints();

        let der = params.self_signed(&key)?.der().clone();
        Ok(Self {
            issuer: Issuer::new(params, key),
            permitted,
            validity,
            pem: pem_text::encode(&der),
            der,
            hashed_name: hashed_name(&subject),
        })
    }

    /// The root as one PEM block that ends with a line feed.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The root as DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The SHA-256 digest of the root's `SubjectPublicKeyInfo`, by which some clients pin a CA.
    pub fn public_key_digest(&self) -> [u8; 32] {
        let info = self.issuer.key().subject_public_key_info();
        let digest = digest(&SHA256, &info);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        bytes
    }

    /// The root's file name in a directory of OpenSSL's, where certificates are looked up by their
    /// subject (openssl-rehash(1)).
    pub fn hashed_name(&self) -> &str {
        &self.hashed_name
    }

    /// Whether the name constraints permit a leaf for `host`.
    pub(crate) fn permits(&self, host: &ServerName<'_>) -> bool {
        self.permitted.permits(host)
    }

    /// Signs a leaf for `host` with the public key of `key`. Does not check whether `host` is
    /// permitted.
    pub(crate) fn sign_leaf(
        &self,
        host: &ServerName<'_>,
        key: &Key,
    ) -> Result<CertificateDer<'static>, CaError> {
        let (subject, alternative_name) = leaf_names(host)?;
        let mut params = params(self.validity, &subject)?;
        params.subject_alt_names = vec![alternative_name];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, &self.issuer)?.der().clone())
    }
}

impl fmt::Debug for SessionCa {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCa")
            .field("permitted", &self.permitted)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
struct Validity {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Validity {
    fn around(now: SystemTime) -> Result<Self, CaError> {
        let since_epoch = |time: Option<SystemTime>| {
            let seconds = time?.duration_since(UNIX_EPOCH).ok()?.as_secs();
            OffsetDateTime::from_unix_timestamp(seconds.try_into().ok()?).ok()
        };
        let ends =
            since_epoch(now.checked_sub(BACKDATE)).zip(since_epoch(now.checked_add(LIFETIME)));
        let (not_before, not_after) = ends.ok_or(CaError::ClockOutOfRange)?;
        Ok(Self {
            not_before,
            not_after,
        })
    }
}

/// `X509_NAME_hash` of OpenSSL 1.0.0 and later, of a common name: the start of the SHA-1 digest of
/// the DER of the relative distinguished names, the text in lower case and without blanks to spare,
/// as a session's is.
fn hashed_name(common_name: &str) -> String {
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    // Tag and length; the name is far from where a length takes more than a byte (X.690 §8.1.3.4).
    let value = |tag: u8, content: &[u8]| -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        [&[tag, length], content].concat()
    };
    let (utf8_string, sequence, set) = (0x0c, 0x30, 0x31);
    let pair = [
        &COMMON_NAME[..],
        &value(utf8_string, common_name.as_bytes()),
    ]
    .concat();
    let name = value(set, &value(sequence, &pair));
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &name);
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    format!("{:08x}.0", u32::from_le_bytes(first))
}

/// The parameters that the root and its leaves share.
fn params(validity: Validity, common_name: &str) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    params.not_before = validity.not_before;
    params.not_after = validity.not_after;
    params.serial_number = Some(serial_number()?);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

/// The subject's common name, and the subject alternative name, which is the one that verifiers
/// check (RFC 6125 §6.4).
fn leaf_names(host: &ServerName<'_>) -> Result<(String, SanType), CaError> {
    match host {
        ServerName::DnsName(name) => {
            let name = name.to_lowercase_owned().as_ref().to_owned();
            let subject = if name.len() <= COMMON_NAME_MAX {
                name.clone()
            } else {
                OTHER_COMMON_NAME.to_owned()
            };
            Ok((subject, SanType::DnsName(name.try_into()?)))
        }
        // The common name is not the address. Without a dNSName, OpenSSL treats a common name that
        // looks like a DNS name as one, as `10.0.0.1` does, and the constraints on DNS names would
        // then reject the leaf.
        ServerName::IpAddress(address) => Ok((
            OTHER_COMMON_NAME.to_owned(),
            SanType::IpAddress((*address).into()),
        )),
        other => Err(CaError::NotPermitted {
            host: other.to_str().into_owned(),
        }),
    }
}

/// Sixteen random bytes that form a positive number without a leading zero byte (RFC 5280
/// §4.1.2.2).
fn serial_number() -> Result<SerialNumber, CaError> {
    let mut bytes: [u8; 16] = random()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn random<const N: usize>() -> Result<[u8; N], CaError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// `ub-common-name` (RFC 5280 appendix A.1), in bytes.
const COMMON_NAME_MAX: usize = 64;
/// It has spaces, so that no verifier treats it as a DNS name.
const OTHER_COMMON_NAME: &str = "authsome intercepted host";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_clock_without_a_form_in_a_certificate() {
        for now in [
            UNIX_EPOCH,
            UNIX_EPOCH + Duration::from_hours(24 * 366 * 9000),
        ] {
            let result = SessionCa::new(&[], now);
            assert!(matches!(result, Err(CaError::ClockOutOfRange)));
        }
    }

    #[test]
    fn each_session_has_its_own_serial_subject_and_key() {
        let now = UNIX_EPOCH + BACKDATE;
        let (one, other) = (SessionCa::new(&[], now), SessionCa::new(&[], now));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_ne!(one.certificate_der(), other.certificate_der());
        assert_ne!(one.issuer.key().der_bytes(), other.issuer.key().der_bytes());
    }

    #[test]
    fn openssl_finds_the_root_by_its_name() {
        // As `openssl x509 -subject_hash` prints it.
        assert_eq!(hashed_name("authsome session 00c0ffee"), "5735adfd.0");
        let ca = SessionCa::new(&[], UNIX_EPOCH + BACKDATE).unwrap();
        assert_eq!(ca.hashed_name().len(), 10);
    }

    #[test]
    fn serial_numbers_are_sixteen_positive_bytes() {
        for _ in 0..64 {
            let serial = serial_number().unwrap().to_bytes();
            assert_eq!(serial.len(), 16);
            assert!((0x40..0x80).contains(&serial[0]));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let ca = SessionCa::new(&[], UNIX_EPOCH + BACKDATE).unwrap();
        let shown = format!("{ca:?}");
        assert!(!shown.to_lowercase().contains("key"), "{shown}");
    }
}
