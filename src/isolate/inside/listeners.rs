//! The listeners inside, which are served outside.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, listen,
    setsockopt, socket, sockopt,
};

use crate::isolate::report::Role;
use crate::isolate::{Plan, captured_ports};

/// The port of DNS.
const DOMAIN: u16 = 53;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// Makes all. Those for the ports of the plan are made where connections are not redirected.
pub(super) fn make(plan: &Plan, redirects: bool) -> io::Result<Vec<(Role, OwnedFd)>> {
    let mut made = Vec::new();
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    // What is redirected arrives at the loopback address, and must be answered from there.
    for address in if redirects { loopback } else { any } {
        let place = SocketAddr::new(address, DOMAIN);
        made.extend(present(tcp(place))?.map(|socket| (Role::NamesOverTcp, socket)));
        let datagrams = present(udp(place))?;
        made.extend(datagrams.map(|socket| (Role::Names, socket)));
    }
    for address in loopback {
        let place = SocketAddr::new(address, plan.proxy_port);
        made.extend(present(tcp(place))?.map(|socket| (Role::Capture, socket)));
    }
    for port in &plan.host_ports {
        for address in loopback {
            let place = SocketAddr::new(address, *port);
            let role = Role::HostPort(*port);
            made.extend(present(tcp(place))?.map(|socket| (role, socket)));
        }
    }
    if redirects {
        return Ok(made);
    }
    for port in captured_ports(&plan.ports) {
        for address in any {
            let place = SocketAddr::new(address, port);
            made.extend(present(tcp(place))?.map(|socket| (Role::Capture, socket)));
        }
    }
    Ok(made)
}

/// Without IPv6 in the kernel, there is nothing to listen for.
fn present<T>(made: io::Result<T>) -> io::Result<Option<T>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(None),
        Err(error) => Err(error),
    }
}

fn tcp(place: SocketAddr) -> io::Result<OwnedFd> {
    let socket = bound(place, SockType::Stream)?;
    listen(&socket, Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN))?;
    Ok(socket)
}

fn udp(place: SocketAddr) -> io::Result<OwnedFd> {
    bound(place, SockType::Datagram).map(|socket| UdpSocket::from(socket).into())
}

fn bound(place: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = match place {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, kind, flags, None::<SockProtocol>)?;
    if place.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(place))?;
    Ok(socket)
}
