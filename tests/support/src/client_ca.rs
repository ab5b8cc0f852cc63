//! A CA for the certificates of clients, for servers that ask for one.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls_pki_types::CertificateDer;

/// An authority that knows clients.
pub struct ClientCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A client's certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The certificate alone.
    pub certificate_pem: String,
    /// Its key, PKCS#8.
    pub key_pem: String,
    /// The certificate, as [`crate::Seen`] has it.
    pub der: CertificateDer<'static>,
}

impl ClientCa {
    /// A new one.
    ///
    /// # Panics
    ///
    /// Where no key can be made.
    pub fn generate() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "client test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        set_validity(&mut params, 2044);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a P-256 certificate");
        Self { issuer }
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a client of that name.
    ///
    /// # Panics
    ///
    /// Where no key can be made.
    pub fn issue(&self, name: &str) -> ClientIdentity {
        self.issue_until(name, 2044)
    }

    /// One that ends with that year's first day.
    ///
    /// # Panics
    ///
    /// Where no key can be made.
    pub fn issue_until(&self, name: &str, year: i32) -> ClientIdentity {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, year);
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer);
        let certificate = certificate.expect("a certificate for this very key");
        ClientIdentity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
        }
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a P-256 key")
}

fn set_validity(params: &mut CertificateParams, until: i32) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
}
