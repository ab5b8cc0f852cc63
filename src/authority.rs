//! A host and a port in one canonical spelling, which every check compares and every message
//! carries.
//!
//! What is checked must be what is sent. A name that is compared in one spelling and forwarded in
//! another could reach the default virtual host of a shared server. So there is only one way to
//! make an [`Authority`], and all code that needs its text takes it from there.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use url::Host;

/// The maximum length of a host name, in bytes (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;

/// A host and a port. A name is in lower case and has no trailing dot. An address is in its
/// canonical form; an IPv6 address has no brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Authority {
    host: String,
    port: u16,
}

impl Authority {
    /// From a host without a port: a name, or an address without brackets.
    pub(crate) fn new(host: &str, port: u16) -> Option<Self> {
        let host = if let Ok(address) = host.parse::<IpAddr>() {
            canonical(address)
        } else {
            let name = host.strip_suffix('.').unwrap_or(host);
            match ends_in_a_number(name) {
                true => old_address(name)?,
                false if is_name(name) => name.to_ascii_lowercase(),
                false => return None,
            }
        };
        (port != 0).then_some(Self { host, port })
    }

    /// Parses `host:port`, `[v6]:port`, and the unbracketed `v6:port` that some clients send. If
    /// the port is missing, `default_port` is used. Only IPv6 addresses may be in brackets (RFC
    /// 3986 §3.2.2), and a port consists of digits (§3.2.3).
    pub(crate) fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        // An unbracketed IPv6 address is ambiguous. If the port is optional, all of the text is the
        // address; if it is required, the port follows the last colon.
        let portless = default_port.is_some() && text.parse::<Ipv6Addr>().is_ok();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') && !portless => (host, parse_port(port)?),
            _ => (text, default_port?),
        };
        match host.strip_prefix('[') {
            Some(rest) => {
                let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
                Self::new(&address.to_string(), port)
            }
            None => Self::new(host, port),
        }
    }

    /// The name, or the address without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The form for `Host` and for URLs: the scheme's default port is omitted, as clients do.
    pub(crate) fn in_url(&self, usual_port: u16) -> String {
        let mut text = self.to_string();
        if self.port == usual_port {
            text.truncate(text.rfind(':').unwrap_or(text.len()));
        }
        text
    }

    /// Whether a connection to this host ends at the machine's own loopback interface. That
    /// includes unspecified addresses, such as `0.0.0.0`.
    pub(crate) fn is_loopback(&self) -> bool {
        let is_ours = |address: IpAddr| address.is_loopback() || address.is_unspecified();
        self.host == "localhost" || self.host.parse().is_ok_and(is_ours)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Parses a port that consists of digits only. The standard library also accepts a leading `+`,
/// which no other software on the way does.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// For the kernel, `::ffff:127.0.0.1` is 127.0.0.1 (RFC 4291 §2.5.5.2), so it must be for every
/// check.
fn canonical(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// Whether the resolver takes the name for an IPv4 address, such as `127.1` or `0x7f000001`. The
/// host parser of the URL standard has the same check.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal || hexadecimal.is_some_and(is_hexadecimal)
}

/// The IPv4 address that such a name stands for.
fn old_address(name: &str) -> Option<String> {
    match Host::parse(name) {
        Ok(Host::Ipv4(address)) => Some(address.to_string()),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let dotted = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed) && !dotted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Option<String> {
        Authority::parse(text, None).map(|authority| authority.to_string())
    }

    #[test]
    fn spellings_of_one_host_are_one() {
        let table = [
            ("GitLab.TEST:443", "gitlab.test:443"),
            ("gitlab.test.:443", "gitlab.test:443"),
            ("gitlab.test:0443", "gitlab.test:443"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("2001:db8::1:443", "[2001:db8::1]:443"),
            ("[2001:DB8:0::1]:443", "[2001:db8::1]:443"),
            ("[::ffff:127.0.0.1]:443", "127.0.0.1:443"),
            ("[::FFFF:7f00:1]:443", "127.0.0.1:443"),
            ("127.1:443", "127.0.0.1:443"),
            ("0x7f.0.0.1.:443", "127.0.0.1:443"),
            ("2130706433:443", "127.0.0.1:443"),
        ];
        for (text, expected) in table {
            assert_eq!(authority(text).as_deref(), Some(expected), "{text}");
        }
        let by_default = |text, port| Authority::parse(text, Some(port)).unwrap().to_string();
        assert_eq!(by_default("gitlab.test", 443), "gitlab.test:443");
        assert_eq!(by_default("[::1]", 8443), "[::1]:8443");
        assert_eq!(by_default("::1", 8443), "[::1]:8443");
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for text in [
            "",
            ":443",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "ho st:443",
            "host:443/x",
            "a@b:443",
            "..:443",
            "a..b:443",
            "h\u{e4}:443",
            "[::1:443",
            "[gitlab.test]:443",
            "[127.0.0.1]:443",
            "[]:443",
            "[[::1]]:443",
            "host:+443",
            "host:-443",
            "host: 443",
            "host:443 ",
            "host :443",
            "host:0x1bb",
            "[::1]443",
            "256.0.0.1:443",
            "1.2.3.4.5:443",
            "gitlab.test..:443",
        ] {
            assert_eq!(authority(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_url_leaves_the_usual_port_out() {
        let in_url = |text, usual| Authority::parse(text, None).unwrap().in_url(usual);
        assert_eq!(in_url("GitLab.test:443", 443), "gitlab.test");
        assert_eq!(in_url("gitlab.test:443", 80), "gitlab.test:443");
        assert_eq!(in_url("[::1]:80", 80), "[::1]");
        assert_eq!(in_url("[::1]:8443", 443), "[::1]:8443");
    }

    #[test]
    fn every_spelling_of_this_machine_is_known() {
        for text in [
            "localhost:1",
            "LOCALHOST.:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "0.0.0.0:1",
            "127.1:1",
        ] {
            assert!(
                Authority::parse(text, None).unwrap().is_loopback(),
                "{text}"
            );
        }
        for text in [
            "gitlab.test:1",
            "10.0.0.1:1",
            "[2001:db8::1]:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(
                !Authority::parse(text, None).unwrap().is_loopback(),
                "{text}"
            );
        }
    }
}
