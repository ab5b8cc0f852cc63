//! Where a captured connection was to go.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Where the client wanted to connect to. A connection has been accepted under that address, unless
/// rules of nftables wrote another one into its packets (`inside/capture.rs`).
#[cfg(target_os = "linux")]
pub(crate) fn original_destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use nix::sys::socket::{getsockopt, sockopt};

    let local = stream.local_addr()?;
    let before = match local {
        SocketAddr::V4(_) => getsockopt(stream, sockopt::OriginalDst).ok().map(|found| {
            let address = Ipv4Addr::from(u32::from_be(found.sin_addr.s_addr));
            SocketAddr::from((address, u16::from_be(found.sin_port)))
        }),
        SocketAddr::V6(_) => getsockopt(stream, sockopt::Ip6tOriginalDst)
            .ok()
            .map(|found| {
                let address = Ipv6Addr::from(found.sin6_addr.s6_addr);
                SocketAddr::from((address, u16::from_be(found.sin6_port)))
            }),
    };
    Ok(before.unwrap_or(local))
}

/// Nothing is redirected here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn original_destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.local_addr()
}
