//! How connections to any port are led to one listener: by rules of nftables.
//!
//! ```text
//! table inet authsome {
//!     chain capture {
//!         type filter hook prerouting priority mangle;
//!         tcp flags & (syn | ack) != syn accept     # the addresses find its socket
//!         tcp dport 53 accept                       # the resolver listens at every address
//!         ip daddr 127.0.0.0/8 accept               # the command's own servers
//!         ip6 daddr ::1 accept
//!         meta l4proto tcp tproxy ip to 127.0.0.1:PORT
//!         meta l4proto tcp tproxy ip6 to [::1]:PORT
//!     }
//! }
//! ```
//!
//! Only the first packet of a connection is led: every address is local here, so the socket that it
//! opens has the destination for its own address, and is found by all that follow. Nothing about a
//! connection is tracked (conntrack), which would cost each of its packets. A kernel without
//! `tproxy` tracks them, and writes another destination into each packet:
//!
//! ```text
//! table inet authsome {
//!     chain capture {
//!         type nat hook output priority -100;
//!         meta l4proto udp th dport 53 redirect to :53
//!         meta l4proto tcp th dport 53 redirect to :53
//!         ip daddr 127.0.0.0/8 accept
//!         ip6 daddr ::1 accept
//!         meta l4proto tcp redirect to :PORT
//!     }
//! }
//! ```
//!
//! The rules are a convenience and no wall: without them a connection to a port where nobody
//! listens is refused, as there is no other interface.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::nftables::{self, Hook, Rule};

/// The port of DNS.
pub(super) const DOMAIN: u16 = 53;

/// Before the packet's way is decided, and after fragments are put together (at -400).
const PREROUTING: Hook = Hook {
    kind: "filter",
    number: 0,
    priority: -150,
};

/// Where the destinations of what is sent from here are changed.
const OUTPUT: Hook = Hook {
    kind: "nat",
    number: 3,
    priority: -100,
};

/// How connections are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// Those to some ports, by a listener for each.
    Ports,
    /// All, by another destination in their packets.
    Redirect,
    /// All, with the destination in their packets as it is.
    Tproxy,
}

impl Capture {
    /// Makes the rules: the best that the kernel has. `can_be_transparent` tells whether listeners
    /// can have what `tproxy` leads to.
    pub(super) fn arrange(port: u16, can_be_transparent: bool) -> Self {
        if can_be_transparent && tproxy(port).is_ok() {
            Self::Tproxy
        } else if redirect(port).is_ok() {
            Self::Redirect
        } else {
            Self::Ports
        }
    }

    /// Whether the packets of all connections have the destination that they were sent to.
    pub(super) fn keeps_destinations(self) -> bool {
        self == Self::Tproxy
    }
}

fn tproxy(port: u16) -> io::Result<()> {
    let rules = [
        Rule::tcp().within_connections().accept(),
        Rule::tcp().at_port(DOMAIN).accept(),
        Rule::to_loopback_v4().accept(),
        Rule::to_loopback_v6().accept(),
        Rule::tcp().lead_to(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Rule::tcp().lead_to(SocketAddr::from((Ipv6Addr::LOCALHOST, port))),
    ];
    nftables::make(&PREROUTING, rules)
}

fn redirect(port: u16) -> io::Result<()> {
    let rules = [
        Rule::udp().at_port(DOMAIN).redirect(DOMAIN),
        Rule::tcp().at_port(DOMAIN).redirect(DOMAIN),
        Rule::to_loopback_v4().accept(),
        Rule::to_loopback_v6().accept(),
        Rule::tcp().redirect(port),
    ];
    nftables::make(&OUTPUT, rules)
}
