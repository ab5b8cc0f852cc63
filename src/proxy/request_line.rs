//! The one request line that real clients send and no parser takes: `CONNECT 2001:db8::1:443`, without brackets (httpx does so).

use std::net::Ipv6Addr;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::limits::HEAD_TIMEOUT;

/// The method, the longest address, a colon, a port and a blank.
const LONGEST: usize = "CONNECT ".len() + 45 + 1 + 5 + 1;

/// What stands for the first bytes of the connection: nothing, or that line's beginning with brackets (RFC 3986 §3.2.2), whose own
/// spelling has then been read from the stream. A line that comes in pieces is left alone; clients write it at once.
pub(super) async fn with_brackets(stream: &mut TcpStream) -> Bytes {
    let mut first = [0; LONGEST];
    let Ok(Ok(length)) = tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut first)).await else {
        return Bytes::new();
    };
    let Some((line, target)) = first.get(..length).and_then(unbracketed) else {
        return Bytes::new();
    };
    // They are there, so this does not wait.
    match stream.read_exact(&mut [0; LONGEST][..line]).await {
        Ok(_) => Bytes::from(format!("CONNECT {target}")),
        Err(_) => Bytes::new(), // the connection is gone, and hyper will find it so
    }
}

/// The length of the line's beginning up to the blank after its target, and the target with brackets.
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
        assert!(unbracketed(&longest.as_bytes()[..LONGEST]).is_some());
    }
}
