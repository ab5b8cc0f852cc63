//! The listeners of authsome's own to which no connection of a session may lead.

use std::net::{IpAddr, SocketAddr};

use crate::authority::Authority;
use crate::defence::Defence;

/// What a session's clients must not reach through its proxy, whatever name leads there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnListeners {
    /// The session's proxy: the request would loop without an end.
    pub(crate) proxy: SocketAddr,
    /// The port at which a login waits, on loopback addresses. There a client of the proxy would
    /// count as this user, because the connection comes from this process.
    pub(crate) login_port: u16,
}

impl OwnListeners {
    /// Whether the authority names one of them. A name other than `localhost` is judged by what it
    /// leads to.
    pub(crate) fn are_named(&self, authority: &Authority) -> bool {
        let is_proxy = || {
            let host = authority.host().parse::<IpAddr>();
            let is_own = host.is_ok_and(|host| host.to_canonical() == self.proxy_address());
            authority.port() == self.proxy.port() && (is_own || authority.is_loopback())
        };
        let is_login = authority.port() == self.login_port && authority.is_loopback();
        (is_login || is_proxy()) && Defence::OwnPorts.stands()
    }

    /// Whether a login waits at that address. This needs no connection, and there should be none.
    pub(super) fn is_login(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        // The kernel takes the unspecified address for loopback.
        address.port() == self.login_port && (ip.is_loopback() || ip.is_unspecified())
    }

    /// Whether the peer of a connection is the session's proxy, in whichever form its address is
    /// written. `local` is this end. A proxy that listens on all addresses is at each of this
    /// machine, and a connection to one of those comes from the same one.
    pub(super) fn is_proxy(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let (own, ip) = (self.proxy_address(), peer.ip().to_canonical());
        let is_here = ip.is_loopback() || ip == local.ip().to_canonical();
        peer.port() == self.proxy.port() && (ip == own || own.is_unspecified() && is_here)
    }

    fn proxy_address(&self) -> IpAddr {
        self.proxy.ip().to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(proxy: &str) -> OwnListeners {
        OwnListeners {
            proxy: proxy.parse().unwrap(),
            login_port: 7998,
        }
    }

    #[test]
    fn the_proxy_is_known_in_every_form_of_its_address() {
        for (proxy, peer, local, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:9", true),
            (
                "127.0.0.1:1",
                "[::ffff:127.0.0.1]:1",
                "[::ffff:127.0.0.1]:9",
                true,
            ),
            ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:9", false),
            ("127.0.0.1:1", "127.0.0.2:1", "127.0.0.1:9", false),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1", "192.0.2.1:9", true),
            ("0.0.0.0:1", "127.0.0.1:1", "127.0.0.1:9", true),
            ("0.0.0.0:1", "192.0.2.1:1", "192.0.2.1:9", true),
            ("[::]:1", "192.0.2.1:1", "192.0.2.1:9", true),
            ("[::]:1", "[::1]:1", "[::1]:9", true),
            ("[::]:1", "192.0.2.2:1", "192.0.2.1:9", false),
        ] {
            let is_own = own(proxy).is_proxy(peer.parse().unwrap(), local.parse().unwrap());
            assert_eq!(is_own, expected, "{proxy} {peer}");
        }
    }

    #[test]
    fn a_login_is_at_its_port_of_any_loopback_address() {
        for (address, expected) in [
            ("127.0.0.1:7998", true),
            ("127.0.0.2:7998", true),
            ("[::1]:7998", true),
            ("[::ffff:127.0.0.1]:7998", true),
            ("0.0.0.0:7998", true),
            ("[::]:7998", true),
            ("192.0.2.1:7998", false),
            ("127.0.0.1:7999", false),
        ] {
            let is_login = own("127.0.0.1:1").is_login(address.parse().unwrap());
            assert_eq!(is_login, expected, "{address}");
        }
    }

    #[test]
    fn what_is_named_is_known_without_a_connection() {
        for (proxy, authority, expected) in [
            ("127.0.0.1:1", "localhost:1", true),
            ("127.0.0.1:1", "0.0.0.0:1", true),
            ("127.0.0.1:1", "localhost:7998", true),
            ("127.0.0.1:1", "[::1]:7998", true),
            ("127.0.0.1:1", "192.0.2.1:7998", false),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1", true),
            ("192.0.2.1:1", "192.0.2.2:1", false),
        ] {
            let authority = Authority::parse(authority, None).unwrap();
            assert_eq!(own(proxy).are_named(&authority), expected, "{authority}");
        }
    }
}
