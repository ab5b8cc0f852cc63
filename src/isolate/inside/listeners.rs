//! The listeners inside, which are served outside.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, listen,
    setsockopt, socket, sockopt,
};

use super::capture::{Capture, DOMAIN};
use crate::isolate::report::Role;
use crate::isolate::{Plan, captured_ports};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// Makes all. Those for the ports of the plan are made where not all connections are captured.
pub(super) fn make(plan: &Plan, capture: Capture) -> io::Result<Vec<(Role, OwnedFd)>> {
    let mut made = Vec::new();
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    // What is redirected arrives at the loopback address, and must be answered from there.
    let redirects = capture == Capture::Redirect;
    for address in if redirects { loopback } else { any } {
        let place = SocketAddr::new(address, DOMAIN);
        made.extend(present(tcp(place))?.map(|socket| (Role::NamesOverTcp, socket)));
        let datagrams = present(udp(place))?;
        made.extend(datagrams.map(|socket| (Role::Names, socket)));
    }
    for address in loopback {
        let place = SocketAddr::new(address, plan.proxy_port);
        let listener = capturing(place, capture);
        made.extend(present(listener)?.map(|socket| (Role::Capture, socket)));
    }
    for port in &plan.host_ports {
        for address in loopback {
            let place = SocketAddr::new(address, *port);
            let role = Role::HostPort(*port);
            made.extend(present(tcp(place))?.map(|socket| (role, socket)));
        }
    }
    if capture != Capture::Ports {
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

/// Whether a socket of this process may accept connections to addresses that are not its own, as
/// far as the kernel asks (`IP_TRANSPARENT`, ip(7)).
pub(super) fn can_be_transparent() -> bool {
    let place = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    unbound(place, SockType::Stream).is_ok_and(|socket| make_transparent(&socket).is_ok())
}

/// The option is one for both families: a socket has one flag for it.
fn make_transparent(socket: &OwnedFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::IpTransparent, &true)?)
}

/// The listener to which connections are led.
fn capturing(place: SocketAddr, capture: Capture) -> io::Result<OwnedFd> {
    if !capture.keeps_destinations() {
        return tcp(place);
    }
    let socket = unbound(place, SockType::Stream)?;
    make_transparent(&socket)?;
    // What is accepted has the destination's port, and would keep the command's own server from
    // listening at it. A port at which somebody listens is not shared by this.
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind_to(&socket, place)?;
    listening(socket)
}

fn tcp(place: SocketAddr) -> io::Result<OwnedFd> {
    listening(bound(place, SockType::Stream)?)
}

fn listening(socket: OwnedFd) -> io::Result<OwnedFd> {
    listen(&socket, Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN))?;
    Ok(socket)
}

fn udp(place: SocketAddr) -> io::Result<OwnedFd> {
    let socket = unbound(place, SockType::Datagram)?;
    // An answer is from the address that was asked, which no interface has.
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    bind_to(&socket, place)?;
    Ok(UdpSocket::from(socket).into())
}

fn bound(place: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let socket = unbound(place, kind)?;
    bind_to(&socket, place)?;
    Ok(socket)
}

fn bind_to(socket: &OwnedFd, place: SocketAddr) -> io::Result<()> {
    Ok(bind(socket.as_raw_fd(), &SockaddrStorage::from(place))?)
}

/// A socket for a place of that family.
fn unbound(place: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = match place {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, kind, flags, None::<SockProtocol>)?;
    if place.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    Ok(socket)
}
