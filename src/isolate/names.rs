//! An address of its own for each name that is asked for inside.
//!
//! A connection carries an address; policy and routes speak of names. So that the name is known
//! even where no `ClientHello` and no `Host` says it, each name is given an address that no other
//! name has, and an address is never given to a second name: a client may keep it for as long as
//! it likes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};

/// Names that are remembered. One more gets no address: to take another's away would send a client
/// that still uses it to the wrong host.
const MAX_NAMES: usize = 16 * 1024;

/// The number of the last address that is none of a network's.
const LAST: u32 = (1 << 17) - 3;

/// 198.18.0.0/15, which no host on the Internet has (RFC 2544 §C.2.2, RFC 6890).
const FIRST_V4: u32 = 0xC612_0000;

/// A prefix of unique local addresses (RFC 4193); `61 7574 6873` is "auths".
const PREFIX_V6: u128 = 0xfd61_7574_6873_0000_0000_0000_0000_0000;

/// The IPv6 address of the machine inside: of `2001:2::/48`, which no host on the Internet has
/// (RFC 5180 §8). Clients that look a name up sort its addresses by how well each fits their own
/// (RFC 6724 §6, rule 5), and those of names are of another kind than this one. So they take the
/// IPv4 address first, by which the kernel has less to do for each packet.
const OWN_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0xfffe);

/// The names of one run and their addresses.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// The addresses of a name in its canonical spelling; `None` where there are too many names.
    pub(crate) fn addresses_of(&self, name: &str) -> Option<(Ipv4Addr, Ipv6Addr)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(name) {
            return Some(addresses(*number));
        }
        drop(known);
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = inner.numbers.get(name) {
            return Some(addresses(*number));
        }
        let number = u32::try_from(inner.names.len()).ok()?;
        if inner.names.len() >= MAX_NAMES {
            return None;
        }
        let name: Arc<str> = name.into();
        inner.names.push(Arc::clone(&name));
        inner.numbers.insert(name, number);
        Some(addresses(number))
    }

    /// The name that was given this address.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<Arc<str>> {
        let number = number_of(address)?;
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.names.get(usize::try_from(number).ok()?).cloned()
    }

    /// The addresses of the machine inside, which no name is given.
    pub(crate) fn own_addresses() -> (Ipv4Addr, Ipv6Addr) {
        (addresses(LAST).0, OWN_V6)
    }

    /// Whether the address is one that names are given, or the machine inside has.
    pub(crate) fn is_ours(address: IpAddr) -> bool {
        number_of(address).is_some() || address == OWN_V6
    }
}

/// The first address of the range is its network's, so that numbers begin after it.
fn addresses(number: u32) -> (Ipv4Addr, Ipv6Addr) {
    let host = number + 1;
    let v4 = Ipv4Addr::from(FIRST_V4 + host);
    (v4, Ipv6Addr::from(PREFIX_V6 + u128::from(host)))
}

fn number_of(address: IpAddr) -> Option<u32> {
    const V4_HOSTS: u32 = 1 << 17;
    let host = match address.to_canonical() {
        IpAddr::V4(address) => {
            let host = u32::from(address).checked_sub(FIRST_V4)?;
            (host < V4_HOSTS).then_some(host)?
        }
        IpAddr::V6(address) => {
            let host = u128::from(address).checked_sub(PREFIX_V6)?;
            u32::try_from(host).ok()?
        }
    };
    host.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_keeps_its_addresses_and_shares_them_with_none() {
        let names = Names::default();
        let first = names.addresses_of("gitlab.test").unwrap();
        let second = names.addresses_of("other.test").unwrap();
        assert_eq!(first.0, Ipv4Addr::new(198, 18, 0, 1));
        assert_eq!(second.0, Ipv4Addr::new(198, 18, 0, 2));
        assert_eq!(names.addresses_of("gitlab.test"), Some(first));
        for (addresses, name) in [(first, "gitlab.test"), (second, "other.test")] {
            let mapped = addresses.0.to_ipv6_mapped();
            for address in [addresses.0.into(), addresses.1.into(), mapped.into()] {
                assert_eq!(names.name_of(address).as_deref(), Some(name));
                assert!(Names::is_ours(address));
            }
        }
        for other in ["198.18.0.0", "198.18.0.3", "198.20.0.1", "127.0.0.1", "::1"] {
            assert_eq!(names.name_of(other.parse().unwrap()), None, "{other}");
        }
        let own = Names::own_addresses();
        assert!(Names::is_ours(own.0.into()) && Names::is_ours(own.1.into()));
        assert!(!Names::is_ours("198.17.255.255".parse().unwrap()));
    }

    #[test]
    fn when_there_are_too_many_the_known_ones_stay() {
        let names = Names::default();
        for number in 0..MAX_NAMES {
            assert!(names.addresses_of(&format!("n{number}.test")).is_some());
        }
        assert_eq!(names.addresses_of("one-more.test"), None);
        let last = names
            .addresses_of(&format!("n{}.test", MAX_NAMES - 1))
            .unwrap();
        assert_eq!(names.name_of(last.0.into()).as_deref(), Some("n16383.test"));
        assert!(names.addresses_of("n0.test").is_some());
    }
}
