//! The name in a `ClientHello` (RFC 6066 §3), without answering it.

use rustls::server::Acceptor;

/// A fatal alert, `access_denied` (RFC 8446 §6).
pub(super) const ACCESS_DENIED: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 49];

/// The first byte of a TLS record with a handshake message (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// The name that the client says it connects to.
pub(super) fn server_name(first: &[u8]) -> Option<String> {
    match read(first) {
        Hello::Whole(name) => name,
        Hello::None | Hello::Partial => None,
    }
}

/// Whether this is the beginning of a `ClientHello`, and not all of it.
pub(super) fn is_partial(first: &[u8]) -> bool {
    matches!(read(first), Hello::Partial)
}

/// Whether the client speaks TLS.
pub(super) fn is_tls(first: &[u8]) -> bool {
    first.first() == Some(&TLS_HANDSHAKE)
}

enum Hello {
    None,
    Partial,
    Whole(Option<String>),
}

fn read(first: &[u8]) -> Hello {
    if !is_tls(first) {
        return Hello::None;
    }
    let mut acceptor = Acceptor::default();
    let mut rest = first;
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).is_err() {
            return Hello::None;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_owned);
                return Hello::Whole(name);
            }
            Ok(None) => {}
            Err(_) => return Hello::None,
        }
    }
    Hello::Partial
}
