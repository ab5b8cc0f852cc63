//! The part of the user's `NO_PROXY` that a child may have: the entries with which no client
//! reaches a connection's host without the proxy.
//!
//! Clients parse entries in different ways, and an entry that one client ignores covers a host for
//! another: some require a dot before a suffix and some do not, some ignore the port, some know
//! CIDR blocks. So an entry is removed if any of these readings covers such a host.

use std::net::IpAddr;

use super::exceptions::Exceptions;

/// The entries of `list` that are kept, in their order. `hosts` are managed; hosts below `domains`
/// may be.
pub(super) fn entries(list: &str, hosts: &[&str], domains: &[&str]) -> Vec<String> {
    let entries = list.split(|character: char| character == ',' || character.is_whitespace());
    let mut kept: Vec<String> = Vec::new();
    for entry in entries.filter(|entry| !entry.is_empty() && entry.bytes().all(is_usual)) {
        let is_new = !kept.iter().any(|known| known == entry);
        if is_new && !may_cover(&entry.to_ascii_lowercase(), hosts, domains) {
            kept.push(entry.to_owned());
        }
    }
    kept
}

/// The characters of names, addresses, blocks and patterns. Other entries, such as `<local>`, mean
/// different things to different clients.
fn is_usual(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:/[]*".contains(&byte)
}

fn may_cover(entry: &str, hosts: &[&str], domains: &[&str]) -> bool {
    let Some(name) = name_of(entry) else {
        return true; // an entry in an unknown form may cover any host
    };
    let by_our_reading = Exceptions::parse(name);
    let is_covered = |host: &&str| {
        let host = host.to_ascii_lowercase();
        let canonical = host.parse::<IpAddr>().map(|address| address.to_canonical());
        let spellings = [
            Some(host.clone()),
            canonical.ok().map(|address| address.to_string()),
        ];
        let mut spellings = spellings.iter().flatten();
        let suffix = suffix_of(name);
        host.ends_with(suffix)
            || (name.ends_with('.') && host.starts_with(name)) // `10.`
            || spellings.any(|host| by_our_reading.cover(host, 0))
    };
    let is_above_or_below = |domain: &&str| {
        let suffix = suffix_of(name);
        domain.ends_with(suffix) || suffix.ends_with(*domain)
    };
    hosts.iter().any(is_covered) || domains.iter().any(is_above_or_below)
}

/// The entry without its port, and an address without its brackets.
fn name_of(entry: &str) -> Option<&str> {
    if let Some(rest) = entry.strip_prefix('[') {
        return rest.split_once(']').map(|(address, _)| address);
    }
    let colons = entry.bytes().filter(|byte| *byte == b':').count();
    match entry.rsplit_once(':') {
        Some((name, _)) if colons == 1 => Some(name),
        _ => Some(entry),
    }
}

/// The suffix of the host names that the entry covers: empty for `*`, and otherwise what follows
/// the last star.
fn suffix_of(name: &str) -> &str {
    let (_, behind) = name.rsplit_once('*').unwrap_or(("", name));
    behind.trim_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(list: &str, hosts: &[&str], domains: &[&str]) -> String {
        entries(list, hosts, domains).join(",")
    }

    #[test]
    fn what_is_no_connections_host_stays_as_it_is_written() {
        let list =
            "git,db, .corp,DB2:5432 10.0.0.0/8,,*.internal,[fd00::1]:80,fd00::2,192.0.2.7,db";
        assert_eq!(
            kept(list, &["gitlab.test", "198.51.100.1"], &[]),
            "git,db,.corp,DB2:5432,10.0.0.0/8,*.internal,[fd00::1]:80,fd00::2,192.0.2.7"
        );
        assert_eq!(kept("*,<local>,.test", &[], &[]), "*,.test");
    }

    #[test]
    fn whatever_may_cover_a_connections_host_goes() {
        for entry in [
            "gitlab.test",
            "GitLab.Test",
            "gitlab.test.",
            "gitlab.test:443",
            "gitlab.test:5432",
            ".test",
            "test",
            "lab.test", // without a label boundary, as LWP and niquests match
            "*.test",
            "*lab.test",
            "git*.test",
            "gitlab*",
            "git*",
            "*",
            "*:443",
            "**",
            ".",
            "<local>",
            "gitl\u{e4}b",
        ] {
            assert_eq!(kept(entry, &["gitlab.test"], &[]), "", "{entry}");
        }
        for entry in [
            "10.0.0.0/8",
            "10.",
            "10.1.2.3",
            "10.1.2.3:80",
            "0.0.0.0/0",
            "10.*",
            "3",
        ] {
            assert_eq!(kept(entry, &["10.1.2.3"], &[]), "", "{entry}");
        }
        for entry in ["[2001:DB8::1]:443", "2001:db8::/32", "[2001:db8:0::1]"] {
            assert_eq!(kept(entry, &["2001:db8::1"], &[]), "", "{entry}");
        }
        assert_eq!(kept("127.0.0.1", &["::ffff:127.0.0.1"], &[]), "");
    }

    #[test]
    fn below_the_domain_of_a_pattern_and_above_it_nothing_stays() {
        let domains = ["okta.com"];
        for entry in ["acme.okta.com", "okta.com", ".com", "com", "*.okta.com"] {
            assert_eq!(kept(entry, &[], &domains), "", "{entry}");
        }
        assert_eq!(kept("db,acme.com", &[], &domains), "db,acme.com");
    }
}
