//! Which addresses a program has no business with: those by which a machine speaks to its own
//! cloud, its own network and itself.
//!
//! A name says nothing about where it leads: whoever holds a domain may let it point to
//! `169.254.169.254` ("server-side request forgery", "DNS rebinding"). So the address that a name
//! was resolved to is looked at, and that very address is dialled. An IPv6 address that carries an
//! IPv4 address is the same place by another way, so it is of the same kind.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::authority::Authority;
use crate::defence::Defence;

/// A kind of address that is not reached, unless the user names its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// For one network segment only (RFC 3927, RFC 4291 §2.5.6). Clouds give machines their
    /// credentials there.
    LinkLocal,
    /// The machine itself.
    Loopback,
    /// A service by which a cloud gives its machines credentials, at an address that is not
    /// link-local.
    Metadata,
    /// Several machines at one time: multicast, broadcast, and what is reserved.
    Multicast,
    /// A network of its own (RFC 1918, RFC 4193, RFC 6598).
    Private,
}

/// Which kinds are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressRule {
    /// None: the user named the host, or it is a connection's.
    All,
    /// Those by which no program works: link-local, metadata and multicast addresses.
    NotLocal,
    /// These, and those of this machine.
    NotThisMachine,
    /// These, and private and loopback addresses.
    PublicOnly,
}

/// Says which rule holds for a host.
pub(crate) struct AddressRules(Box<Rules>);

type Rules = dyn Fn(&Authority) -> AddressRule + Send + Sync;

impl AddressRules {
    pub(crate) fn new(rules: impl Fn(&Authority) -> AddressRule + Send + Sync + 'static) -> Self {
        Self(Box::new(rules))
    }

    /// The rule for a host.
    pub(crate) fn of(&self, authority: &Authority) -> AddressRule {
        (self.0)(authority)
    }
}

impl Default for AddressRules {
    /// No address is refused.
    fn default() -> Self {
        Self::new(|_| AddressRule::All)
    }
}

impl fmt::Debug for AddressRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressRules")
    }
}

impl AddressRule {
    /// The kind that the rule refuses, if a connection between these addresses has been made. Only
    /// a machine's own address is at both ends of one.
    pub(crate) fn refuses_between(self, local: IpAddr, peer: IpAddr) -> Option<AddressKind> {
        let is_refused = matches!(self, Self::NotThisMachine | Self::PublicOnly) && local == peer;
        (is_refused && Defence::AddressRules.stands()).then_some(AddressKind::Loopback)
    }

    /// The kind that the rule refuses, if the address is of one.
    pub(crate) fn refuses(self, address: IpAddr) -> Option<AddressKind> {
        let kind = kind_of(address)?;
        let is_refused = match self {
            Self::All => false,
            Self::NotLocal => !matches!(kind, AddressKind::Loopback | AddressKind::Private),
            Self::NotThisMachine => kind != AddressKind::Private,
            Self::PublicOnly => true,
        };
        (is_refused && Defence::AddressRules.stands()).then_some(kind)
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkLocal => "a link-local address, where clouds give out credentials",
            Self::Loopback => "an address of this machine",
            Self::Metadata => "an address where a cloud gives out credentials",
            Self::Multicast => "a multicast or reserved address",
            Self::Private => "an address of a private network",
        })
    }
}

/// Where clouds give out credentials beside link-local addresses: Alibaba's, Azure's ("wire
/// server"), Oracle's.
const METADATA: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same over IPv6: Amazon's, Google's.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// The kind of an address; `None` for a public one.
pub(crate) fn kind_of(address: IpAddr) -> Option<AddressKind> {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inner) => kind_of_v4(inner),
            None => kind_of_v6(address),
        },
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Option<AddressKind> {
    let [a, b, ..] = address.octets();
    Some(match (a, b) {
        _ if METADATA.contains(&address) => AddressKind::Metadata,
        _ if address.is_link_local() => AddressKind::LinkLocal,
        _ if address.is_loopback() || a == 0 => AddressKind::Loopback, // 0.0.0.0 is this machine
        _ if address.is_private() => AddressKind::Private,
        (100, 64..=127) | (198, 18..=19) => AddressKind::Private, // RFC 6598, RFC 2544
        (192, 0) if address.octets()[2] == 0 => AddressKind::Private, // RFC 6890
        (224.., _) => AddressKind::Multicast,                     // 240/4 and broadcast included
        _ => return None,
    })
}

fn kind_of_v6(address: Ipv6Addr) -> Option<AddressKind> {
    let first = address.segments()[0];
    Some(match first {
        _ if METADATA_V6.contains(&address) => AddressKind::Metadata,
        _ if address.is_loopback() || address.is_unspecified() => AddressKind::Loopback,
        0xfe80..=0xfebf => AddressKind::LinkLocal,
        // Unique local (RFC 4193) and site-local (RFC 3879).
        0xfc00..=0xfdff | 0xfec0..=0xfeff => AddressKind::Private,
        0xff00.. => AddressKind::Multicast,
        _ => return None,
    })
}

/// The IPv4 address that an IPv6 address stands for.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let at = |index: usize| {
        let [a, b] = segments[index].to_be_bytes();
        let [c, d] = segments[index + 1].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None, // the unspecified and the loopback address
        // Mapped and compatible (RFC 4291 §2.5.5), and translated (RFC 2765).
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..]
        // NAT64: the well-known prefix (RFC 6052) and the local one (RFC 8215).
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..]
        // ISATAP (RFC 5214).
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(at(6)),
        [0x2002, ..] => Some(at(1)), // 6to4, RFC 3056
        // Teredo (RFC 4380): the client's address is inverted.
        [0x2001, 0, ..] => Some(Ipv4Addr::from(!u32::from(at(6)))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(address: &str) -> Option<AddressKind> {
        kind_of(address.parse().unwrap())
    }

    #[test]
    fn each_kind_in_each_form() {
        use AddressKind::{LinkLocal, Loopback, Metadata, Multicast, Private};
        for (address, expected) in [
            ("169.254.169.254", LinkLocal),
            ("::ffff:169.254.169.254", LinkLocal),
            ("::169.254.169.254", LinkLocal),
            ("::ffff:0:169.254.169.254", LinkLocal),
            ("64:ff9b::169.254.169.254", LinkLocal),
            ("64:ff9b:1::169.254.169.254", LinkLocal),
            ("2002:a9fe:a9fe::1", LinkLocal),
            ("2001:0:0:0:0:0:5601:5601", LinkLocal),
            ("2001:db8::200:5efe:169.254.169.254", LinkLocal),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("100.100.100.200", Metadata),
            ("168.63.129.16", Metadata),
            ("::ffff:168.63.129.16", Metadata),
            ("fd00:ec2::254", Metadata),
            ("127.0.0.1", Loopback),
            ("127.255.0.1", Loopback),
            ("0.0.0.0", Loopback),
            ("0.1.2.3", Loopback),
            ("::", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("64:ff9b::127.0.0.1", Loopback),
            ("2002:7f00:1::", Loopback),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("192.168.0.1", Private),
            ("100.64.0.1", Private),
            ("198.18.0.1", Private),
            ("192.0.0.8", Private),
            ("fd12:3456::1", Private),
            ("fec0::1", Private),
            ("64:ff9b::10.0.0.1", Private),
            ("224.0.0.1", Multicast),
            ("239.255.255.250", Multicast),
            ("255.255.255.255", Multicast),
            ("240.0.0.1", Multicast),
            ("ff02::1", Multicast),
        ] {
            assert_eq!(kind(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_of_no_kind() {
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "192.0.2.1",
            "100.128.0.1",
            "169.253.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "::ffff:1.1.1.1",
        ] {
            assert_eq!(kind(address), None, "{address}");
        }
    }

    #[test]
    fn a_rule_refuses_its_kinds() {
        let refuses = |rule: AddressRule, address: &str| rule.refuses(address.parse().unwrap());
        for (address, local, public) in [
            ("169.254.169.254", true, true),
            ("224.0.0.1", true, true),
            ("10.0.0.1", false, true),
            ("127.0.0.1", false, true),
            ("1.1.1.1", false, false),
        ] {
            assert_eq!(
                refuses(AddressRule::NotLocal, address).is_some(),
                local,
                "{address}"
            );
            assert_eq!(
                refuses(AddressRule::PublicOnly, address).is_some(),
                public,
                "{address}"
            );
            assert_eq!(refuses(AddressRule::All, address), None, "{address}");
        }
    }
}
