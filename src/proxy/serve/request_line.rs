//! Corrects the one request line that real clients send and no parser accepts, an IPv6 address
//! without brackets (httpx does so): `CONNECT 2001:db8::1:443`.

use std::net::Ipv6Addr;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use crate::proxy::io::socket::ClientSocket;
use crate::proxy::limits::{DEFAULT_READ, HEAD_TIMEOUT};

/// Reads the first bytes of a connection, and adds the brackets to such a line (RFC 3986 §3.2.2).
/// A line that arrives in pieces is left alone; clients write it at once. Returns nothing if
/// nothing arrives within [`HEAD_TIMEOUT`], or the connection has ended.
pub(in crate::proxy) async fn first_bytes(stream: &mut ClientSocket) -> Bytes {
    let mut first = BytesMut::with_capacity(DEFAULT_READ);
    let reading = stream.read_buf(&mut first);
    let Ok(Ok(_)) = tokio::time::timeout(HEAD_TIMEOUT, reading).await else {
        return Bytes::new(); // hyper finds the end, or waits for the head once more
    };
    match unbracketed(&first) {
        None => first.freeze(),
        Some((line, target)) => {
            let mut mended = BytesMut::from(format!("CONNECT {target}").as_bytes());
            mended.extend_from_slice(first.get(line..).unwrap_or_default());
            mended.freeze()
        }
    }
}

/// The length of the line up to the space after its target, and the target with brackets.
fn unbracketed(first: &[u8]) -> Option<(usize, String)> {
    let rest = first.strip_prefix(b"CONNECT ")?;
    let end = rest.iter().position(|byte| *byte == b' ')?;
    let (host, port) = std::str::from_utf8(&rest[..end]).ok()?.rsplit_once(':')?;
    let address: Ipv6Addr = host.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    Some((
        first.len() - rest.len() + end,
        format!("[{address}]:{port}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ipv6_target_without_brackets_is_rewritten() {
        assert_eq!(
            unbracketed(b"CONNECT 2001:db8::1:443 HTTP/1.1\r\n"),
            Some((23, "[2001:db8::1]:443".to_owned()))
        );
        for other in [
            &b"CONNECT [2001:db8::1]:443 HTTP/1.1"[..],
            b"CONNECT gitlab.test:443 HTTP/1.1",
            b"CONNECT 127.0.0.1:443 HTTP/1.1",
            b"CONNECT 2001:db8::1:443",
            b"CONNECT ::1:99999 HTTP/1.1",
            b"GET http://::1:80/ HTTP/1.1",
            b"",
        ] {
            assert_eq!(unbracketed(other), None, "{}", other.escape_ascii());
        }
        let longest = format!(
            "CONNECT {}:65535 HTTP/1.1",
            "0000:0000:0000:0000:0000:0000:192.168.100.228"
        );
        assert!(unbracketed(longest.as_bytes()).is_some());
    }
}
