//! Why a TLS connection failed, in words that show which side can fix it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::UnixTime;

use crate::clock::Timestamp;

/// How many of a certificate's names a message lists.
const NAMES_SHOWN: usize = 5;

/// A failed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsTrouble {
    reason: String,
    /// What can fix it.
    pub remedy: TlsRemedy,
}

/// What can fix a failed handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsRemedy {
    /// To present a client certificate.
    ClientCertificate,
    /// To enable newer protocol versions and cipher suites on the server.
    Modern,
    /// To use another address: this server does not speak TLS, or its certificate is for other
    /// names.
    OtherAddress,
    /// To renew the certificate, or to correct the clock.
    Renewal,
    /// To install another certificate on the server.
    ServerCertificate,
    /// To trust the server's CA, or the server's certificate.
    Trust,
    /// Unknown.
    Unknown,
}

impl TlsTrouble {
    /// The server has requested a client certificate, got none, and then refused the request.
    pub fn without_client_certificate(reason: &str) -> Self {
        Self {
            reason: format!("it asks for a client certificate, got none, and then {reason}"),
            remedy: TlsRemedy::ClientCertificate,
        }
    }
}

impl TlsTrouble {
    /// The trouble of a connection that the server has closed because it got no client certificate,
    /// or not one that it accepts. In TLS 1.3 the server reports this after the handshake (RFC 8446
    /// §4.4.2.4), so a later read returns the error.
    pub fn of_client_certificate(error: &io::Error) -> Option<Self> {
        let trouble = Self::from(rustls_error(error)?);
        (trouble.remedy == TlsRemedy::ClientCertificate).then_some(trouble)
    }
}

impl fmt::Display for TlsTrouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl From<String> for TlsTrouble {
    fn from(reason: String) -> Self {
        let remedy = TlsRemedy::Unknown;
        Self { reason, remedy }
    }
}

impl From<&Error> for TlsTrouble {
    fn from(error: &Error) -> Self {
        let (reason, remedy) = match error {
            Error::InvalidCertificate(error) => of_certificate(error),
            Error::AlertReceived(alert) => of_alert(*alert),
            Error::PeerIncompatible(found) => of_peer(found),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
                "it does not speak TLS on this port".to_owned(),
                TlsRemedy::OtherAddress,
            ),
            other => (other.to_string(), TlsRemedy::Unknown),
        };
        Self { reason, remedy }
    }
}

impl From<&io::Error> for TlsTrouble {
    fn from(error: &io::Error) -> Self {
        match rustls_error(error) {
            Some(error) => error.into(),
            None => error.to_string().into(),
        }
    }
}

/// Finds rustls's error inside one or two `io::Error`s; `source()` does not lead to it.
pub fn rustls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    error.downcast_ref::<Error>().or_else(|| {
        let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
        rustls_error(inner)
    })
}

fn of_certificate(error: &CertificateError) -> (String, TlsRemedy) {
    match error {
        CertificateError::UnknownIssuer => (
            "its certificate is from an authority that is not trusted here".to_owned(),
            TlsRemedy::Trust,
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            format!("its certificate expired at {}", at(*not_after)),
            TlsRemedy::Renewal,
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!("its certificate is not valid before {}", at(*not_before)),
            TlsRemedy::Renewal,
        ),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            "its certificate has no subjectAltName; a common name (CN) is no longer read as a host name (RFC 9525)".to_owned(),
            TlsRemedy::ServerCertificate,
        ),
        CertificateError::NotValidForNameContext { expected, presented } => (
            format!(
                "its certificate is for {}, not for {}",
                shown(presented),
                expected.to_str()
            ),
            TlsRemedy::OtherAddress,
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "its certificate, or one above it, is signed by an algorithm that is not accepted (SHA-1, or an RSA key below 2048 bits)".to_owned(),
            TlsRemedy::ServerCertificate,
        ),
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => (
                "its certificate is that of an authority (CA:TRUE), probably self-signed, and is not trusted here".to_owned(),
                TlsRemedy::Trust,
            ),
            words => (format!("its certificate is not usable: {words}"), TlsRemedy::ServerCertificate),
        },
        other => (
            format!("its certificate is not usable: {other}"),
            TlsRemedy::ServerCertificate,
        ),
    }
}

fn of_alert(alert: AlertDescription) -> (String, TlsRemedy) {
    use AlertDescription as Alert;
    match alert {
        Alert::HandshakeFailure | Alert::InsufficientSecurity => (
            "it accepts none of the cipher suites offered here, which leave out CBC and RSA key exchange".to_owned(),
            TlsRemedy::Modern,
        ),
        Alert::ProtocolVersion => (
            "it does not speak TLS 1.2 or 1.3".to_owned(),
            TlsRemedy::Modern,
        ),
        Alert::CertificateRequired => (
            "it requires a client certificate".to_owned(),
            TlsRemedy::ClientCertificate,
        ),
        // From a server, these alerts can only be about the client's certificate (RFC 8446 §6.2).
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA => (
            format!("it rejects the client certificate, or the lack of one ({alert:?})"),
            TlsRemedy::ClientCertificate,
        ),
        // These alerts have other causes too: a `Finished` message or a PSK binder that does not
        // verify (RFC 8446 §6.2). But no correct server finds such an error in our messages.
        Alert::DecryptError | Alert::AccessDenied => (
            format!("it ended the handshake, probably over the client certificate or the lack of one ({alert:?})"),
            TlsRemedy::ClientCertificate,
        ),
        Alert::UnrecognisedName => (
            "it does not know this host name".to_owned(),
            TlsRemedy::OtherAddress,
        ),
        other => (format!("it ended the handshake with {other:?}"), TlsRemedy::Unknown),
    }
}

fn of_peer(found: &PeerIncompatible) -> (String, TlsRemedy) {
    match found {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            of_alert(AlertDescription::ProtocolVersion)
        }
        PeerIncompatible::NoCipherSuitesInCommon => of_alert(AlertDescription::HandshakeFailure),
        other => (
            format!("its TLS is not compatible: {other:?}"),
            TlsRemedy::Modern,
        ),
    }
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(time.as_secs())
}

/// webpki's names, `DnsName("x")` and `IpAddress(x)`, without that notation.
fn shown(names: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name
            .split_once('(')
            .map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let mut shown: Vec<_> = names.iter().take(NAMES_SHOWN).map(plain).collect();
    if names.len() > NAMES_SHOWN {
        shown.push(format!("{} more", names.len() - NAMES_SHOWN));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_people_write_them() {
        let names = ["DnsName(\"a.test\")", "IpAddress(127.0.0.1)"].map(str::to_owned);
        assert_eq!(shown(&names), "a.test, 127.0.0.1");
        let many: Vec<_> = (0..7).map(|n| format!("DnsName(\"{n}.test\")")).collect();
        assert!(shown(&many).ends_with("4.test, 2 more"));
    }

    #[test]
    fn an_alert_that_has_several_causes_is_not_said_to_have_one() {
        let shown = |alert| TlsTrouble::from(&Error::AlertReceived(alert)).to_string();
        let certain = shown(AlertDescription::UnknownCA);
        assert!(
            certain.starts_with("it rejects the client certificate"),
            "{certain}"
        );
        for alert in [
            AlertDescription::DecryptError,
            AlertDescription::AccessDenied,
        ] {
            let words = shown(alert);
            assert!(
                words.contains("probably") && !words.contains("rejects"),
                "{words}"
            );
        }
    }

    #[test]
    fn an_error_is_found_within_others() {
        let inner = io::Error::other(Error::HandshakeNotComplete);
        assert!(rustls_error(&io::Error::other(inner)).is_some());
        assert!(rustls_error(&io::Error::other("x")).is_none());
    }
}
