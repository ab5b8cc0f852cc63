//! The loopback interface, and the routes by which every address is a local one.

use std::io;

use nix::sys::socket::SockProtocol;

use super::netlink::{ACKNOWLEDGE, Attributes, CREATE, Messages};
use crate::isolate::names::Names;

/// Of `linux/rtnetlink.h`.
const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const OUT_INTERFACE: u16 = 4;
const PREFERRED_SOURCE: u16 = 7;
const LOCAL_ADDRESS: u16 = 2;
/// `IFA_F_NODAD`: it is usable at once.
const NOT_PROBED: u8 = 2;
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

/// `ip route add local default dev lo`, for both families.
///
/// With IPv4, the source of a connection is the address that it is made to. `from_own` makes it
/// this side's own address, as it is with IPv6: a connection that keeps its destination could
/// otherwise be given the port of the destination, too, and would be connected to itself
/// (simultaneous open, RFC 9293 §3.5).
pub(super) fn make_all_local(from_own: bool) -> io::Result<()> {
    let interface = || Attributes::default().bytes(OUT_INTERFACE, &LOOPBACK.to_ne_bytes());
    let (source, _) = Names::own_addresses();
    if from_own {
        let from_own = interface().bytes(PREFERRED_SOURCE, &source.octets());
        add(IPV4, &from_own)?;
    } else {
        add(IPV4, &interface())?;
    }
    with_ipv6(add(IPV6, &interface()))
}

/// An address for each family that is not `127.0.0.1` or `::1`. A client that asks which families
/// this machine has (`AI_ADDRCONFIG`, RFC 3493 §6.1; aria2, browsers) would find none, and look no
/// name up. Nobody listens there but the command's own servers.
pub(super) fn give_addresses() -> io::Result<()> {
    let (v4, v6) = Names::own_addresses();
    address(IPV4, 32, &v4.octets())?;
    with_ipv6(address(IPV6, 128, &v6.octets()))
}

fn address(family: u8, length: u8, octets: &[u8]) -> io::Result<()> {
    const SCOPE_GLOBAL: u8 = 0;
    let mut header = vec![family, length, NOT_PROBED, SCOPE_GLOBAL];
    header.extend_from_slice(&LOOPBACK.to_ne_bytes());
    let local = Attributes::default().bytes(LOCAL_ADDRESS, octets);
    let mut messages = Messages::default();
    messages.push(NEW_ADDRESS, ACKNOWLEDGE | CREATE, &header, &local);
    messages.send(SockProtocol::NetlinkRoute)
}

/// Without IPv6 in the kernel, or where it is switched off, there is nothing of it to capture.
fn with_ipv6(added: io::Result<()>) -> io::Result<()> {
    use nix::libc::{EACCES, EAFNOSUPPORT, EOPNOTSUPP};
    match added {
        Err(error)
            if [Some(EACCES), Some(EAFNOSUPPORT), Some(EOPNOTSUPP)]
                .contains(&error.raw_os_error()) =>
        {
            Ok(())
        }
        added => added,
    }
}

fn add(family: u8, attributes: &Attributes) -> io::Result<()> {
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
    let mut messages = Messages::default();
    messages.push(NEW_ROUTE, ACKNOWLEDGE | CREATE, &header, attributes);
    messages.send(SockProtocol::NetlinkRoute)
}
