//! The SOCKS handshakes: versions 5 (RFC 1928, RFC 1929), 4 and 4a.
//!
//! ```text
//! SOCKS 5:  methods ──> no login ───────────────────────> request ──> reply ──> tunnel
//!                   └─> user and password ──> accepted ──┘
//! SOCKS 4:  request ──> reply ──> tunnel
//! ```
//!
//! Each reply is read to its last byte and no further, because the bytes after it are the host's.
//! ARCHITECTURE.md says why no crate is used.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::shortage::Wait;
use super::tcp;
use crate::authority::Authority;
use crate::net::user_proxy::{Login, ProxyKind, UserProxy};

const CONNECT: u8 = 1;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;

/// Why there is no tunnel, worded to follow the proxy's name in a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocksError {
    #[error("broke off: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}

/// How a SOCKS server is told the host.
#[derive(Debug)]
pub(super) enum Destination {
    Address(IpAddr),
    Name(String),
}

/// The destinations to request, in the order in which they are tried. The proxy's scheme decides
/// whether names are resolved here or by the proxy.
pub(super) async fn destinations(
    target: &Authority,
    kind: ProxyKind,
    wait: &Wait<'_>,
) -> Result<Vec<Destination>, SocksError> {
    let host = target.host();
    let is_address = host.parse::<IpAddr>().is_ok();
    if !is_address && matches!(kind, ProxyKind::Socks4a | ProxyKind::Socks5h) {
        return Ok(vec![Destination::Name(host.to_owned())]);
    }
    let found = tcp::look_up(target, wait).await.unwrap_or_default();
    let usable = |address: &IpAddr| is_address || address.is_ipv4() || kind == ProxyKind::Socks5;
    let found = found.into_iter().map(|address| address.ip());
    let destinations: Vec<_> = found.filter(usable).map(Destination::Address).collect();
    if destinations.is_empty() {
        return Err(refused(
            "takes addresses, and this machine knows none for the host; with socks5h:// or socks4a:// the proxy resolves names",
        ));
    }
    Ok(destinations)
}

/// Opens a tunnel to the host.
pub(super) async fn open<T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut T,
    destination: &Destination,
    port: u16,
    proxy: &UserProxy,
) -> Result<(), SocksError> {
    match proxy.kind() {
        ProxyKind::Socks4 | ProxyKind::Socks4a => {
            let user = proxy.login().map_or("", |login| login.user.as_str());
            stream
                .write_all(&request_v4(destination, port, user)?)
                .await?;
            read_reply_v4(stream).await
        }
        _ => {
            negotiate(stream, proxy).await?;
            stream.write_all(&request_v5(destination, port)?).await?;
            read_reply_v5(stream).await
        }
    }
}

/// Negotiates the authentication method with a SOCKS 5 server, and logs in if it requires that.
async fn negotiate<T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut T,
    proxy: &UserProxy,
) -> Result<(), SocksError> {
    let offered: &[u8] = match proxy.login() {
        Some(_) => &[5, 2, NO_LOGIN, PASSWORD],
        None => &[5, 1, NO_LOGIN],
    };
    stream.write_all(offered).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    let accepted = match (chosen, proxy.login()) {
        ([5, NO_LOGIN], _) => true,
        ([5, PASSWORD], Some(login)) => log_in(stream, login).await?,
        ([5, _], _) => false,
        _ => return Err(not_socks(5)),
    };
    if accepted {
        return Ok(());
    }
    let variable = proxy.variable();
    Err(refused(&format!(
        "does not let us in: check the user name and the password in {variable}"
    )))
}

async fn log_in<T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut T,
    login: &Login,
) -> Result<bool, SocksError> {
    // The maximum length: a buffer that grows would leave an unwiped copy of the password behind.
    let mut request = Zeroizing::new(Vec::with_capacity(3 + 2 * 255));
    request.push(1);
    for word in [&login.user, login.password.expose()] {
        let length = u8::try_from(word.len())
            .map_err(|_| refused("takes a user name and a password of 255 bytes at most"))?;
        request.push(length);
        request.extend_from_slice(word.as_bytes());
    }
    stream.write_all(&request).await?;
    let mut response = [0; 2];
    stream.read_exact(&mut response).await?;
    Ok(response[1] == 0)
}

fn request_v5(destination: &Destination, port: u16) -> Result<Vec<u8>, SocksError> {
    let mut request = vec![5, CONNECT, 0];
    match destination {
        Destination::Address(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Destination::Address(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Destination::Name(name) => {
            let length = u8::try_from(name.len())
                .map_err(|_| refused("takes a host name of 255 bytes at most"))?;
            request.extend([3, length]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

async fn read_reply_v5<T: AsyncRead + Unpin>(stream: &mut T) -> Result<(), SocksError> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    match head {
        [5, 0, ..] => {}
        [5, code, ..] => return Err(refused(&format!("refused: {}", meaning_v5(code)))),
        _ => return Err(not_socks(5)),
    }
    let rest = match head[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(not_socks(5)),
    };
    // The address and port that the proxy has bound are not needed.
    let mut bound = [0; 255 + 2];
    stream.read_exact(&mut bound[..rest + 2]).await?;
    Ok(())
}

fn meaning_v5(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "it does not allow this host and port",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "connection refused by the host",
        6 => "time to live expired",
        7 => "it does not know the command",
        8 => "it does not know this type of address",
        _ => "for a reason that SOCKS has no name for",
    }
}

fn request_v4(destination: &Destination, port: u16, user: &str) -> Result<Vec<u8>, SocksError> {
    if user.contains('\0') {
        return Err(refused("takes a user name without a NUL"));
    }
    let mut request = vec![4, CONNECT];
    request.extend(port.to_be_bytes());
    let (address, name) = match destination {
        Destination::Address(IpAddr::V4(address)) => (address.octets(), None),
        Destination::Address(IpAddr::V6(_)) => {
            return Err(refused("speaks SOCKS 4, which has no IPv6 addresses"));
        }
        // SOCKS 4a: this invalid address means that the host name follows.
        Destination::Name(name) => ([0, 0, 0, 1], Some(name)),
    };
    request.extend(address);
    for text in [user].into_iter().chain(name.map(String::as_str)) {
        request.extend(text.as_bytes());
        request.push(0);
    }
    Ok(request)
}

async fn read_reply_v4<T: AsyncRead + Unpin>(stream: &mut T) -> Result<(), SocksError> {
    let mut reply = [0; 8];
    stream.read_exact(&mut reply).await?;
    match reply {
        [0, 90, ..] => Ok(()),
        [0, 91, ..] => Err(refused("refused, or cannot reach the host")),
        [0, 92 | 93, ..] => Err(refused("refused: it asks for another user")),
        _ => Err(not_socks(4)),
    }
}

fn refused(words: &str) -> SocksError {
    SocksError::Refused(words.to_owned())
}

fn not_socks(version: u8) -> SocksError {
    SocksError::Refused(format!("does not speak SOCKS {version}"))
}

#[cfg(test)]
mod tests;
