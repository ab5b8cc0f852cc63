//! What to do about TLS errors.

use crate::net::tls::TlsRemedy;

pub(super) fn tls_hint(remedy: TlsRemedy) -> &'static str {
    match remedy {
        TlsRemedy::ClientCertificate => {
            "authsome login PROVIDER --connection NAME --client-cert CERT.pem [--client-key KEY.pem] --force"
        }
        TlsRemedy::Modern => {
            "enable TLS 1.3 on the server, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20: no flag changes what is accepted here"
        }
        TlsRemedy::OtherAddress => {
            "check the name and the port in --base-url, or wherever the server is named"
        }
        TlsRemedy::Renewal => "renew the server's certificate, or check this machine's clock: date",
        TlsRemedy::ServerCertificate => {
            "issue the server a new certificate, with its name as subjectAltName: no flag changes what is accepted here"
        }
        TlsRemedy::Trust => {
            "for a private CA, or a self-signed certificate: authsome login PROVIDER --ca-file CA.pem"
        }
        _ => "check the server's address and the network",
    }
}
