//! The loopback interface, and the routes by which every address is a local one.

use std::io;

use nix::sys::socket::SockProtocol;

use super::netlink::{ACKNOWLEDGE, Attributes, CREATE, Messages};

/// Of `linux/rtnetlink.h`.
const NEW_LINK: u16 = 16;
const NEW_ROUTE: u16 = 24;
const OUT_INTERFACE: u16 = 4;
const LOCAL_TABLE: u8 = 255;
const STATIC: u8 = 4;
const SCOPE_HOST: u8 = 254;
const LOCAL: u8 = 2;

/// In a new namespace it is always the first.
const LOOPBACK: u32 = 1;

/// `IFF_UP`.
const UP: u32 = 1;

const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// `ip link set lo up`.
pub(super) fn bring_up() -> io::Result<()> {
    let mut header = vec![0; 4];
    header.extend_from_slice(&LOOPBACK.to_ne_bytes());
    header.extend_from_slice(&UP.to_ne_bytes()); // the flags
    header.extend_from_slice(&UP.to_ne_bytes()); // which of them are changed
    let mut messages = Messages::default();
    messages.push(NEW_LINK, ACKNOWLEDGE, &header, &Attributes::default());
    messages.send(SockProtocol::NetlinkRoute)
}

/// `ip route add local default dev lo`, for both families. Without IPv6 in the kernel, there is
/// nothing of it to capture.
pub(super) fn make_all_local() -> io::Result<()> {
    add(IPV4)?;
    match add(IPV6) {
        Err(error) if error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => Ok(()),
        Err(error) if error.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => Ok(()),
        added => added,
    }
}

fn add(family: u8) -> io::Result<()> {
    let header = [
        family,
        0,
        0,
        0,
        LOCAL_TABLE,
        STATIC,
        SCOPE_HOST,
        LOCAL,
        0,
        0,
        0,
        0,
    ];
    let interface = Attributes::default().bytes(OUT_INTERFACE, &LOOPBACK.to_ne_bytes());
    let mut messages = Messages::default();
    messages.push(NEW_ROUTE, ACKNOWLEDGE | CREATE, &header, &interface);
    messages.send(SockProtocol::NetlinkRoute)
}
