//! Rules of nftables that lead connections to any port to one listener.
//!
//! ```text
//! table inet authsome {
//!     chain output {
//!         type nat hook output priority -100;
//!         meta l4proto udp th dport 53 redirect to :53
//!         meta l4proto tcp th dport 53 redirect to :53
//!         ip daddr 127.0.0.0/8 accept       # the command's own servers
//!         ip6 daddr ::1 accept
//!         meta l4proto tcp redirect to :PORT
//!     }
//! }
//! ```
//!
//! The rules are a convenience and no wall: without them a connection to a port where nobody
//! listens is refused, as there is no other interface.

use std::io;

use nix::sys::socket::SockProtocol;

use super::netlink::{ACKNOWLEDGE, APPEND, Attributes, CREATE, Messages};

const TABLE: &str = "authsome";
const CHAIN: &str = "output";

/// The port of DNS.
const DOMAIN: u16 = 53;

/// Of `linux/netfilter/nfnetlink.h` and `nf_tables.h`.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NFTABLES: u16 = 10;
const NEW_TABLE: u16 = NFTABLES << 8;
const NEW_CHAIN: u16 = NFTABLES << 8 | 3;
const NEW_RULE: u16 = NFTABLES << 8 | 6;

/// `NFPROTO_INET`: both families.
const INET: u8 = 1;
const LOCAL_OUT: u32 = 3;
const NAT_PRIORITY: i32 = -100;
const ACCEPT: u32 = 1;

const FAMILY: u32 = 15;
const PROTOCOL: u32 = 16;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
const TCP: u8 = 6;
const UDP: u8 = 17;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// The register of verdicts, and the first one of data.
const VERDICT: u32 = 0;
const REGISTER: u32 = 1;

/// Makes the rules: all or none.
pub(super) fn redirect(port: u16) -> io::Result<()> {
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
    let hook = Attributes::default()
        .number(1, LOCAL_OUT)
        .bytes(2, &NAT_PRIORITY.to_be_bytes());
    let chain = Attributes::default()
        .text(1, TABLE)
        .text(3, CHAIN)
        .nested(4, &hook)
        .number(5, ACCEPT)
        .text(7, "nat");
    batch.push(NEW_CHAIN, change, &header, &chain);
    for expressions in rules(port) {
        let rule = Attributes::default()
            .text(1, TABLE)
            .text(2, CHAIN)
            .nested(4, &expressions);
        batch.push(NEW_RULE, change | APPEND, &header, &rule);
    }
    batch.push(BATCH_END, 0, &subsystem, &Attributes::default());
    batch.send(SockProtocol::NetlinkNetFilter)
}

fn rules(port: u16) -> [Attributes; 5] {
    let empty = Attributes::default;
    let to_resolver = |protocol| {
        let rule = equals(meta(empty(), PROTOCOL), &[protocol]);
        let rule = payload(rule, TRANSPORT_HEADER, 2, 2);
        to(equals(rule, &DOMAIN.to_be_bytes()), DOMAIN)
    };
    let loopback_v4 = equals(meta(empty(), FAMILY), &[IPV4]);
    let loopback_v4 = equals(payload(loopback_v4, NETWORK_HEADER, 16, 1), &[127]);
    let loopback_v6 = equals(meta(empty(), FAMILY), &[IPV6]);
    let one = std::net::Ipv6Addr::LOCALHOST.octets();
    let loopback_v6 = equals(payload(loopback_v6, NETWORK_HEADER, 24, 16), &one);
    let tcp = equals(meta(empty(), PROTOCOL), &[TCP]);
    [
        to_resolver(UDP),
        to_resolver(TCP),
        accept(loopback_v4),
        accept(loopback_v6),
        to(tcp, port),
    ]
}

fn expression(rule: Attributes, name: &str, data: &Attributes) -> Attributes {
    let one = Attributes::default().text(1, name).nested(2, data);
    rule.nested(1, &one)
}

/// Loads a property of the packet.
fn meta(rule: Attributes, key: u32) -> Attributes {
    let data = Attributes::default().number(1, REGISTER).number(2, key);
    expression(rule, "meta", &data)
}

/// Loads bytes of the packet.
fn payload(rule: Attributes, base: u32, offset: u32, length: u32) -> Attributes {
    let data = Attributes::default()
        .number(1, REGISTER)
        .number(2, base)
        .number(3, offset)
        .number(4, length);
    expression(rule, "payload", &data)
}

/// Goes on if what was loaded is this.
fn equals(rule: Attributes, value: &[u8]) -> Attributes {
    let value = Attributes::default().bytes(1, value);
    let data = Attributes::default()
        .number(1, REGISTER)
        .number(2, 0)
        .nested(3, &value);
    expression(rule, "cmp", &data)
}

fn accept(rule: Attributes) -> Attributes {
    let verdict = Attributes::default().number(1, ACCEPT);
    let verdict = Attributes::default().nested(2, &verdict);
    let data = Attributes::default().number(1, VERDICT).nested(2, &verdict);
    expression(rule, "immediate", &data)
}

/// To a port of the loopback interface.
fn to(rule: Attributes, port: u16) -> Attributes {
    let value = Attributes::default().bytes(1, &port.to_be_bytes());
    let data = Attributes::default().number(1, REGISTER).nested(2, &value);
    let rule = expression(rule, "immediate", &data);
    expression(rule, "redir", &Attributes::default().number(1, REGISTER))
}
