//! A connection to a provider: plain or TLS.

use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::net::dial::Link;

/// The stream of a connection: the link alone for `http://`, TLS over it for `https://`.
pub(in crate::proxy) type UpstreamStream = Either<Link, Box<TlsStream<Link>>>;

/// Whether the server has chosen HTTP/2 in the TLS handshake (RFC 9113 §3.2).
pub(super) fn speaks_http2(stream: &UpstreamStream) -> bool {
    match stream {
        Either::Left(_) => false,
        Either::Right(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
    }
}
