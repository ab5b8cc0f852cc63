//! Trusts a server's certificate that the user has named directly.
//!
//! Many servers have a self-signed certificate (`openssl req -x509` makes one with `CA:TRUE`), or
//! one from a CA whose certificate the user does not have. Users then give the server's certificate
//! as the CA file. curl, git, Python and Node accept this; webpki does not, because the certificate
//! is a CA's, or its issuer is unknown. Here a certificate that is byte for byte in the file is
//! accepted for its names and dates, as a path of length zero (RFC 5280 §6.1: the user chooses the
//! trust anchors). The signature that proves that the server has the key is verified as always.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use time::{Date, Month, PrimitiveDateTime, Time};

/// webpki's verifier, and the certificates that are trusted directly.
#[derive(Debug)]
pub(super) struct OwnCertificates {
    /// `None` where there are no roots.
    chains: Option<Arc<WebPkiServerVerifier>>,
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl OwnCertificates {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        own: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let chains = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        Self {
            chains: chains.build().ok(), // it fails only for lack of roots
            own,
            provider,
        }
    }
}

impl ServerCertVerifier for OwnCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_chain = match &self.chains {
            Some(chains) => chains.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        if by_chain.is_ok() || !self.own.contains(end_entity) {
            return by_chain;
        }
        in_its_time(end_entity, now)?;
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn in_its_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (not_before, not_after) = validity(certificate).ok_or(CertificateError::BadEncoding)?;
    let at = |seconds: u64| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    if now.as_secs() < not_before {
        return Err(CertificateError::NotValidYetContext {
            time: now,
            not_before: at(not_before),
        });
    }
    if now.as_secs() > not_after {
        return Err(CertificateError::ExpiredContext {
            time: now,
            not_after: at(not_after),
        });
    }
    Ok(())
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notBefore` and `notAfter` in seconds since the epoch (RFC 5280 §4.1). webpki reads them, but
/// does not expose them.
fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let mut outer = certificate;
    let mut signed = expect(&mut outer, SEQUENCE)?;
    let mut fields = expect(&mut signed, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        expect(&mut fields, VERSION)?;
    }
    expect(&mut fields, INTEGER)?; // the serial number
    expect(&mut fields, SEQUENCE)?; // the signature's algorithm
    expect(&mut fields, SEQUENCE)?; // the issuer
    let mut dates = expect(&mut fields, SEQUENCE)?;
    Some((date(&mut dates)?, date(&mut dates)?))
}

/// The content of the next value, which must have that tag. Advances the input past the value.
fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, content) = value(input)?;
    (found == tag).then_some(content)
}

/// The next value in DER: tag and content.
fn value<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let [tag, first, rest @ ..] = *input else {
        return None;
    };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some((*tag, content))
}

/// `YYMMDDHHMMSSZ` (1950 to 2049) or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5).
fn date(input: &mut &[u8]) -> Option<u64> {
    let (tag, text) = value(input)?;
    let digits = text.strip_suffix(b"Z")?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let mut pairs = rest.chunks(2).map(|pair| u8::try_from(number(pair)?).ok());
    let mut next = || pairs.next()?;
    let month = Month::try_from(next()?).ok()?;
    let day = Date::from_calendar_date(i32::from(year), month, next()?).ok()?;
    let hour = Time::from_hms(next()?, next()?, next()?).ok()?;
    let seconds = PrimitiveDateTime::new(day, hour)
        .assume_utc()
        .unix_timestamp();
    Some(u64::try_from(seconds).unwrap_or(0)) // a date before the epoch counts as the epoch
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, to: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["gitlab.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 2);
        params.not_after = date_time_ymd(to, 12, 31);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn on(year: i32, month: u8, day: u8) -> UnixTime {
        let seconds = date_time_ymd(year, month, day).unix_timestamp();
        UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap()))
    }

    #[test]
    fn reads_the_dates_in_both_forms() {
        for (from, to) in [(1975, 1999), (2024, 2049), (2050, 2051), (2024, 9999)] {
            let found = certificate(from, to);
            let (before, inside, after) = (on(from, 1, 1), on(from, 1, 3), on(to, 12, 31));
            assert!(matches!(
                in_its_time(&found, before),
                Err(CertificateError::NotValidYetContext { .. })
            ));
            assert_eq!(in_its_time(&found, inside), Ok(()));
            assert_eq!(
                in_its_time(&found, after),
                Ok(()),
                "the last moment is in it"
            );
            let late = UnixTime::since_unix_epoch(Duration::from_secs(after.as_secs() + 1));
            assert!(matches!(
                in_its_time(&found, late),
                Err(CertificateError::ExpiredContext { .. })
            ));
        }
    }

    #[test]
    fn what_is_cut_off_or_no_date_has_no_validity() {
        let whole = certificate(2024, 2044);
        for length in 0..whole.len() {
            assert_eq!(validity(&whole[..length]), None, "{length}");
        }
        for text in [
            "241301000000Z",
            "240230000000Z",
            "24010100000Z",
            "2401010000000",
            "2401010000é",
        ] {
            let length = u8::try_from(text.len()).unwrap();
            let mut encoded = &*[&[UTC_TIME, length], text.as_bytes()].concat();
            assert_eq!(date(&mut encoded), None, "{text}");
        }
    }
}
