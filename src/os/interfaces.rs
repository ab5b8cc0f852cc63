//! The network interfaces of this machine.

use std::io;
use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use nix::libc::EAFNOSUPPORT;

/// The first IPv4 address of the interface with that name.
pub fn ipv4_of(name: &str) -> Option<Ipv4Addr> {
    let mut interfaces = getifaddrs().ok()?;
    interfaces.find_map(|interface| {
        let address = interface.address?;
        let address = address.as_sockaddr_in()?.ip();
        (interface.interface_name == name).then_some(address)
    })
}

/// Whether binding an address of IPv6 has failed because there is no IPv6: none at all, or no such
/// address.
pub fn is_without_ipv6(error: &io::Error) -> bool {
    let no_family = error.raw_os_error() == Some(EAFNOSUPPORT);
    no_family || error.kind() == io::ErrorKind::AddrNotAvailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_its_interface() {
        // As Linux and macOS call it.
        let loopback = ["lo", "lo0"].into_iter().find_map(ipv4_of);
        assert_eq!(loopback, Some(Ipv4Addr::LOCALHOST));
        assert_eq!(ipv4_of("none0"), None);
    }
}
