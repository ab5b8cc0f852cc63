//! Errors of CAs: of the user's CA file, and of the session's own CA.

use super::*;

#[test]
fn of_a_file_with_a_ca() {
    let errors = [
        (
            "CaError::CaFileCertificate",
            CaError::CaFileCertificate {
                position: 1,
                source: rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding),
            },
        ),
        ("CaError::CaFileDer", CaError::CaFileDer),
        ("CaError::CaFileEmpty", CaError::CaFileEmpty),
        (
            "CaError::CaFileMalformed",
            CaError::CaFileMalformed {
                source: rustls_pki_types::pem::Error::MissingSectionEnd {
                    end_marker: b"CERTIFICATE".to_vec(),
                },
            },
        ),
        ("CaError::CaFileNotPem", CaError::CaFileNotPem),
        (
            "CaError::CaFileOtherPem",
            CaError::CaFileOtherPem {
                label: "PUBLIC KEY".to_owned(),
            },
        ),
        ("CaError::CaFilePrivateKey", CaError::CaFilePrivateKey),
        (
            "CaError::RootsUnreadable",
            CaError::RootsUnreadable {
                path: PathBuf::from("/etc/ssl/acme.pem"),
                source: os(io::ErrorKind::NotFound),
            },
        ),
    ];
    assert_words!("errors", "ca_file", shown(errors));
}

#[test]
fn of_the_session_ca() {
    // These are bugs of authsome or faults of the system, with which no session can start.
    let of_socket = |error: SocketError| ProxyError::Listen(error.into());
    let of_session = |error: CaError| ProxyError::Ca(error);
    let errors = [
        (
            "CaError::ClockOutOfRange",
            of_session(CaError::ClockOutOfRange),
        ),
        (
            "CaError::InvalidDomain",
            of_session(CaError::InvalidDomain {
                domain: "a b".to_owned(),
            }),
        ),
        ("CaError::Key", of_session(CaError::Key)),
        (
            "CaError::NotPermitted",
            of_session(CaError::NotPermitted { host: host() }),
        ),
        (
            "CaError::Randomness",
            of_session(CaError::Randomness {
                source: getrandom::Error::UNSUPPORTED,
            }),
        ),
        (
            "ListenError::Address",
            ProxyError::Listen(ListenError::Address {
                address: ([127, 0, 0, 1], 8080).into(),
                source: os(io::ErrorKind::AddrInUse),
            }),
        ),
        (
            "ListenError::Address, of another machine",
            ProxyError::Listen(ListenError::Address {
                address: ([192, 0, 2, 1], 8080).into(),
                source: os(io::ErrorKind::AddrNotAvailable),
            }),
        ),
        (
            "SocketError::Exists",
            of_socket(SocketError::Exists {
                path: "/run/me/proxy.sock".into(),
                is_alive: true,
            }),
        ),
        (
            "SocketError::Exists, dead",
            of_socket(SocketError::Exists {
                path: "/run/me/proxy.sock".into(),
                is_alive: false,
            }),
        ),
        (
            "SocketError::Unusable",
            of_socket(SocketError::Unusable {
                path: "/run/me/proxy.sock".into(),
                source: os(io::ErrorKind::PermissionDenied),
            }),
        ),
    ];
    assert_words!("errors", "session", shown(errors));
}
