//! The conditions of an `inject` rule, in addition to its path.

use percent_encoding::percent_decode_str;

use crate::host::HostPattern;

/// True for requests to one of these hosts, with one of these methods and with all of these
/// parameters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Condition {
    /// Empty means all hosts.
    pub(crate) hosts: Vec<HostPattern>,
    /// In upper case; empty means all methods.
    pub(crate) methods: Vec<String>,
    /// Names and values, decoded.
    pub(crate) query: Vec<(String, String)>,
}

impl Condition {
    /// Whether the condition is true for a request. Methods are case-sensitive (RFC 9110 §9.1).
    pub(crate) fn holds(&self, host: &str, method: &str, query: Option<&str>) -> bool {
        let mut parameters = self.query.iter();
        is_of(&self.hosts, host)
            && (self.methods.is_empty() || self.methods.iter().any(|known| known == method))
            && parameters.all(|(name, value)| has(query.unwrap_or_default(), name, value))
    }
}

/// Whether a host is one of these; no hosts mean all.
pub(crate) fn is_of(hosts: &[HostPattern], host: &str) -> bool {
    hosts.is_empty() || hosts.iter().any(|known| known.matches(host))
}

fn has(query: &str, name: &str, value: &str) -> bool {
    query.split('&').any(|pair| {
        let (found, with) = pair.split_once('=').unwrap_or((pair, ""));
        is(found, name) && is(with, value)
    })
}

/// Whether `written`, after percent-decoding, is `text`.
fn is(written: &str, text: &str) -> bool {
    written == text || percent_decode_str(written).eq(text.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_parameters_must_all_hold() {
        let condition = Condition {
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            query: vec![("go-get".to_owned(), "1".to_owned())],
            ..Condition::default()
        };
        for (method, query, expected) in [
            ("GET", Some("go-get=1"), true),
            ("HEAD", Some("a&go-get=1&b=2"), true),
            ("GET", Some("go%2Dget=%31"), true),
            ("GET", Some("go-get=0"), false),
            ("GET", Some("go-get=11"), false),
            ("GET", Some("go-get"), false),
            ("GET", Some("xgo-get=1"), false),
            ("GET", Some("a=go-get=1"), false),
            ("GET", Some(""), false),
            ("GET", None, false),
            ("POST", Some("go-get=1"), false),
            ("get", Some("go-get=1"), false),
        ] {
            assert_eq!(
                condition.holds("a.test", method, query),
                expected,
                "{method} {query:?}"
            );
        }
    }
}
