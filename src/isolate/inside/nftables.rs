//! A table of nftables with one chain, as `linux/netfilter/nf_tables.h` spells it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use nix::sys::socket::SockProtocol;

use super::netlink::{ACKNOWLEDGE, APPEND, Attributes, CREATE, Messages};

const TABLE: &str = "authsome";
const CHAIN: &str = "capture";

/// Of `linux/netfilter/nfnetlink.h` and `nf_tables.h`.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NFTABLES: u16 = 10;
const NEW_TABLE: u16 = NFTABLES << 8;
const NEW_CHAIN: u16 = NFTABLES << 8 | 3;
const NEW_RULE: u16 = NFTABLES << 8 | 6;

/// `NFPROTO_INET`: both families.
const INET: u8 = 1;
const ACCEPT: u32 = 1;

/// Keys of `meta`.
const FAMILY: u32 = 15;
const PROTOCOL: u32 = 16;

const IPV4: u8 = 2;
const IPV6: u8 = 10;
const TCP: u8 = 6;
const UDP: u8 = 17;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// Where the flags of TCP are in its header, and two of them (RFC 9293 §3.1).
const FLAGS: u32 = 13;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The register of verdicts, and two of data.
const VERDICT: u32 = 0;
const REGISTER: u32 = 1;
const SECOND_REGISTER: u32 = 2;

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

/// Where a chain hooks in.
pub(super) struct Hook {
    /// `filter` or `nat`.
    pub(super) kind: &'static str,
    pub(super) number: u32,
    pub(super) priority: i32,
}

/// One rule: what it matches, and then what becomes of the packet.
#[derive(Default)]
pub(super) struct Rule(Attributes);

/// Makes the table: all of it or nothing.
///
/// # Errors
///
/// The kernel lacks nftables, or an expression of a rule.
pub(super) fn make<const N: usize>(hook: &Hook, rules: [Rule; N]) -> io::Result<()> {
    let mut batch = Messages::default();
    let subsystem = [0, 0, NFTABLES.to_be_bytes()[0], NFTABLES.to_be_bytes()[1]];
    let header = [INET, 0, 0, 0];
    let change = ACKNOWLEDGE | CREATE;
    batch.push(BATCH_BEGIN, 0, &subsystem, &Attributes::default());
    batch.push(
        NEW_TABLE,
        change,
        &header,
        &Attributes::default().text(1, TABLE),
    );
    let place = Attributes::default()
        .number(1, hook.number)
        .bytes(2, &hook.priority.to_be_bytes());
    let chain = Attributes::default()
        .text(1, TABLE)
        .text(3, CHAIN)
        .nested(4, &place)
        .number(5, ACCEPT)
        .text(7, hook.kind);
    batch.push(NEW_CHAIN, change, &header, &chain);
    for Rule(expressions) in rules {
        let rule = Attributes::default()
            .text(1, TABLE)
            .text(2, CHAIN)
            .nested(4, &expressions);
        batch.push(NEW_RULE, change | APPEND, &header, &rule);
    }
    batch.push(BATCH_END, 0, &subsystem, &Attributes::default());
    batch.send(SockProtocol::NetlinkNetFilter)
}

impl Rule {
    pub(super) fn tcp() -> Self {
        Self::default().meta(PROTOCOL).compare(EQUAL, &[TCP])
    }

    pub(super) fn udp() -> Self {
        Self::default().meta(PROTOCOL).compare(EQUAL, &[UDP])
    }

    /// What goes to `127.0.0.0/8`.
    pub(super) fn to_loopback_v4() -> Self {
        let v4 = Self::default().meta(FAMILY).compare(EQUAL, &[IPV4]);
        v4.payload(NETWORK_HEADER, 16, 1).compare(EQUAL, &[127])
    }

    /// What goes to `::1`.
    pub(super) fn to_loopback_v6() -> Self {
        let v6 = Self::default().meta(FAMILY).compare(EQUAL, &[IPV6]);
        let one = Ipv6Addr::LOCALHOST.octets();
        v6.payload(NETWORK_HEADER, 24, 16).compare(EQUAL, &one)
    }

    /// Of these, what goes to that port.
    pub(super) fn at_port(self, port: u16) -> Self {
        let destination = self.payload(TRANSPORT_HEADER, 2, 2);
        destination.compare(EQUAL, &port.to_be_bytes())
    }

    /// Of TCP, all but the packet that opens a connection.
    pub(super) fn within_connections(self) -> Self {
        let masked = Attributes::default()
            .number(1, REGISTER)
            .number(2, REGISTER)
            .number(3, 1)
            .nested(4, &Attributes::default().bytes(1, &[SYN | ACK]))
            .nested(5, &Attributes::default().bytes(1, &[0]));
        let flags = self.payload(TRANSPORT_HEADER, FLAGS, 1);
        let opening = flags.expression("bitwise", &masked);
        opening.compare(NOT_EQUAL, &[SYN])
    }

    pub(super) fn accept(self) -> Self {
        let verdict = Attributes::default().number(1, ACCEPT);
        let verdict = Attributes::default().nested(2, &verdict);
        let data = Attributes::default().number(1, VERDICT).nested(2, &verdict);
        self.expression("immediate", &data)
    }

    /// To a port of the loopback interface, by another destination in the packet.
    pub(super) fn redirect(self, port: u16) -> Self {
        let target = Attributes::default().number(1, REGISTER);
        let rule = self.immediate(REGISTER, &port.to_be_bytes());
        rule.expression("redir", &target)
    }

    /// To a listener, with the destination in the packet as it is. Of the listener's family alone.
    pub(super) fn lead_to(self, listener: SocketAddr) -> Self {
        let (family, rule) = match listener.ip() {
            IpAddr::V4(address) => (IPV4, self.immediate(REGISTER, &address.octets())),
            IpAddr::V6(address) => (IPV6, self.immediate(REGISTER, &address.octets())),
        };
        let target = Attributes::default()
            .number(1, family.into())
            .number(2, REGISTER)
            .number(3, SECOND_REGISTER);
        let rule = rule.immediate(SECOND_REGISTER, &listener.port().to_be_bytes());
        rule.expression("tproxy", &target)
    }

    fn expression(self, name: &str, data: &Attributes) -> Self {
        let one = Attributes::default().text(1, name).nested(2, data);
        Self(self.0.nested(1, &one))
    }

    /// Loads a property of the packet.
    fn meta(self, key: u32) -> Self {
        let data = Attributes::default().number(1, REGISTER).number(2, key);
        self.expression("meta", &data)
    }

    /// Loads bytes of the packet.
    fn payload(self, base: u32, offset: u32, length: u32) -> Self {
        let data = Attributes::default()
            .number(1, REGISTER)
            .number(2, base)
            .number(3, offset)
            .number(4, length);
        self.expression("payload", &data)
    }

    /// Loads a value.
    fn immediate(self, register: u32, value: &[u8]) -> Self {
        let value = Attributes::default().bytes(1, value);
        let data = Attributes::default().number(1, register).nested(2, &value);
        self.expression("immediate", &data)
    }

    /// Goes on if what was loaded is this, or is not.
    fn compare(self, operation: u32, value: &[u8]) -> Self {
        let value = Attributes::default().bytes(1, value);
        let data = Attributes::default()
            .number(1, REGISTER)
            .number(2, operation)
            .nested(3, &value);
        self.expression("cmp", &data)
    }
}
