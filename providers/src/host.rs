//! The hosts of a route.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;
use url::Host;

use crate::suffix::{self, Suffix};

/// The prefix of a host pattern that is a regular expression.
const REGEX_PREFIX: &str = "regex:";

/// The hosts of a route: one host, or hosts below one domain that match a regular expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HostPattern {
    /// One host: in lower case, without a trailing dot; an IPv6 address without brackets.
    Exact(String),
    /// Hosts below one domain.
    Regex(HostRegex),
}

impl HostPattern {
    /// Whether the pattern matches `host`. Case and one trailing dot do not matter; an IPv6 address
    /// has no brackets.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self {
            Self::Exact(exact) => exact.eq_ignore_ascii_case(host),
            Self::Regex(pattern) => pattern.regex.is_match(host.as_bytes()),
        }
    }

    /// For a regular expression, the domain that each matching host equals or is below:
    /// `example.com` for `regex:.*\.example\.com`. An X.509 name constraint can be built from it.
    /// `None` for an exact host, which is its own constraint.
    pub fn literal_suffix(&self) -> Option<&str> {
        match self {
            Self::Exact(_) => None,
            Self::Regex(pattern) => Some(&pattern.suffix),
        }
    }

    /// The patterns for `text`. A regular expression that lists its hosts one by one, such as
    /// `regex:^(www\.linkedin\.com|linkedin\.com)`, becomes those hosts, which may be in different
    /// domains.
    pub(crate) fn expand(text: &str) -> Result<Vec<Self>, HostError> {
        let Some(pattern) = text.strip_prefix(REGEX_PREFIX) else {
            return Ok(vec![text.parse()?]);
        };
        let regex = compile(pattern)?;
        match suffix::analyse(pattern).map_err(HostError::from_syntax)? {
            Suffix::Hosts(hosts) => {
                let matching = hosts.iter().filter(|host| regex.is_match(host.as_bytes()));
                let hosts: Vec<Self> = matching
                    .map(|host| normalise_host(host).map(Self::Exact))
                    .collect::<Result<_, _>>()?;
                if hosts.is_empty() {
                    Err(HostError::MatchesNothing)
                } else {
                    Ok(hosts)
                }
            }
            found => HostRegex::new(pattern, regex, found).map(|regex| vec![Self::Regex(regex)]),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => formatter.write_str(host),
            Self::Regex(pattern) => write!(formatter, "{REGEX_PREFIX}{}", pattern.text),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(pattern) = text.strip_prefix(REGEX_PREFIX) else {
            return normalise_host(text).map(Self::Exact);
        };
        let regex = compile(pattern)?;
        let found = suffix::analyse(pattern).map_err(HostError::from_syntax)?;
        HostRegex::new(pattern, regex, found).map(Self::Regex)
    }
}

/// A regular expression for hosts. It always matches the whole host, ignores case, and matches only
/// hosts of one domain.
#[derive(Clone, Debug)]
pub struct HostRegex {
    text: String,
    regex: Regex,
    suffix: String,
}

impl HostRegex {
    fn new(text: &str, regex: Regex, found: Suffix) -> Result<Self, HostError> {
        let suffix = match found {
            Suffix::Domain(domain) => domain,
            Suffix::Hosts(hosts) => {
                suffix::common_domain(&hosts).ok_or(HostError::SeveralDomains)?
            }
            Suffix::None => {
                return Err(HostError::NoDomain {
                    advice: advice(text),
                });
            }
        };
        Ok(Self {
            text: text.to_owned(),
            regex,
            suffix,
        })
    }
}

impl PartialEq for HostRegex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for HostRegex {}

/// Why a host, or a host pattern, is rejected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum HostError {
    /// Not a host name or IP address.
    #[error("`{0}` is not a host name (a pattern is written `regex:.*\\.example\\.com`)")]
    Invalid(String),
    /// A regular expression that matches no host.
    #[error("the pattern matches no host at all")]
    MatchesNothing,
    /// A regular expression that another person's host could match.
    #[error(
        "the pattern is not bound to one domain, so that anybody's host could match it: write `{advice}`"
    )]
    NoDomain {
        /// A correct pattern to suggest.
        advice: String,
    },
    /// A regular expression that matches hosts of several domains.
    #[error("the pattern matches hosts of several domains: list them one by one")]
    SeveralDomains,
    /// Not a regular expression.
    #[error("the pattern is not a regular expression: {0}")]
    Syntax(String),
}

impl HostError {
    fn from_syntax(error: impl fmt::Display) -> Self {
        Self::Syntax(last_line(&error.to_string()))
    }
}

/// A host in the normalized form that routes use: in lower case, IDN in Punycode, without a
/// trailing dot; an IPv6 address without brackets.
pub(crate) fn normalise_host(text: &str) -> Result<String, HostError> {
    let invalid = || HostError::Invalid(text.to_owned());
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(address.to_string());
    }
    // `Host::parse` would decode percent-encoding, so that the host would differ from the written
    // one.
    if text.contains('%') {
        return Err(invalid());
    }
    match Host::parse(text).map_err(|_| invalid())? {
        Host::Domain(domain) => {
            let domain = domain.strip_suffix('.').unwrap_or(&domain);
            let label = |label: &str| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            if domain.split('.').all(label) {
                Ok(domain.to_owned())
            } else {
                Err(invalid())
            }
        }
        Host::Ipv4(address) => Ok(address.to_string()),
        Host::Ipv6(address) => Ok(address.to_string()),
    }
}

/// The message of a regex error, without the picture of the pattern above it.
pub(crate) fn last_line(message: &str) -> String {
    let line = message.lines().next_back().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Compiles the pattern without Unicode: host names are ASCII here, and no ASCII letter may match a
/// non-ASCII one by case folding.
fn compile(pattern: &str) -> Result<Regex, HostError> {
    // Parse the pattern alone first: an unbalanced `)` must not close the group inside the anchors.
    suffix::parse(pattern).map_err(HostError::from_syntax)?;
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .unicode(false)
        .case_insensitive(true)
        .build()
        .map_err(HostError::from_syntax)
}

/// A correct form of a rejected pattern: with the longest word in it that could be a domain,
/// otherwise with an example.
fn advice(pattern: &str) -> String {
    let plain = pattern.replace('\\', "");
    let in_word = |character: char| character.is_ascii_alphanumeric() || ".-".contains(character);
    let word = plain
        .split(|character| !in_word(character))
        .max_by_key(|word| word.len());
    let word = word.unwrap_or_default();
    let name = word.trim_matches('.');
    let domain = match (name.contains('.'), word.starts_with('.')) {
        (true, _) => name.to_owned(),
        (false, false) => format!("{name}.com"),
        // Only a top-level domain.
        (false, true) => String::new(),
    };
    let written = |domain: &str| format!(r".*\.{}", domain.replace('.', r"\."));
    match suffix::analyse(&written(&domain)) {
        Ok(Suffix::Domain(domain)) => format!("{REGEX_PREFIX}{}", written(&domain)),
        _ => format!("{REGEX_PREFIX}{}", written("example.com")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_exact_host_matches_itself_only() {
        let host = pattern("API.Example.com.");
        assert_eq!(host.to_string(), "api.example.com");
        for (name, expected) in [
            ("api.example.com", true),
            ("API.EXAMPLE.COM", true),
            ("api.example.com.", true),
            ("xapi.example.com", false),
            ("api.example.com.evil.com", false),
            ("example.com", false),
        ] {
            assert_eq!(host.matches(name), expected, "{name}");
        }
        assert_eq!(pattern("[::1]"), HostPattern::Exact("::1".to_owned()));
        assert_eq!(pattern("::1"), pattern("[0:0:0:0:0:0:0:1]"));
        for text in ["", "*.example.com", "a b", "a%2eb", "exa_mple..com"] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_regex_is_anchored_at_both_ends() {
        let google = pattern(r"regex:.*\.googleapis\.com");
        for (name, expected) in [
            ("www.googleapis.com", true),
            ("WWW.GoogleAPIs.com.", true),
            ("a.b.googleapis.com", true),
            ("googleapis.com", false),
            ("evilgoogleapis.com", false),
            ("googleapis.evil.com", false),
            ("www.googleapis.com.evil.com", false),
            ("www.googleapis.com\n", false),
        ] {
            assert_eq!(google.matches(name), expected, "{name:?}");
        }
        // An anchor in only one alternative does not open the pattern at its other ends.
        let either = pattern(r"regex:^a\.x\.example\.com|b\.x\.example\.com$");
        assert!(either.matches("a.x.example.com") && either.matches("b.x.example.com"));
        assert!(
            !either.matches("a.x.example.com.evil.com") && !either.matches("evil-b.x.example.com")
        );
    }

    #[test]
    fn the_literal_suffix_is_whole_labels() {
        for (text, expected) in [
            (r"regex:.*\.example\.com", "example.com"),
            (r"regex:.*\.example\.com$", "example.com"),
            (r"regex:(?i).*\.Example\.COM", "example.com"),
            (r"regex:(.*\.)?example\.com", "example.com"),
            (r"regex:[a-z0-9-]+\.api\.example\.com", "api.example.com"),
            (r"regex:.*x\.example\.com", "example.com"),
            (r"regex:.*\.(eu|us)\.example\.com", "example.com"),
            (r"regex:(www\.)?linkedin\.com", "linkedin.com"),
            (r"regex:.*\.linear\.app", "linear.app"),
        ] {
            assert_eq!(pattern(text).literal_suffix(), Some(expected), "{text}");
        }
        assert_eq!(pattern("example.com").literal_suffix(), None);
    }

    #[test]
    fn a_pattern_that_strangers_could_match_is_refused() {
        for (text, advice) in [
            (r"regex:.*googleapis.*", r"regex:.*\.googleapis\.com"),
            (
                r"regex:.*githubusercontent\.com$",
                r"regex:.*\.githubusercontent\.com",
            ),
            (r"regex:.*.example.com", r"regex:.*\.example\.com"),
            (r"regex:.*\.com", r"regex:.*\.example\.com"),
            (r"regex:.*", r"regex:.*\.example\.com"),
            (r"regex:example\.com.*", r"regex:.*\.example\.com"),
            (r"regex:.*\.0\.1", r"regex:.*\.example\.com"),
        ] {
            let Err(HostError::NoDomain { advice: found }) = text.parse::<HostPattern>() else {
                panic!("{text} was accepted");
            };
            assert_eq!(found, advice, "{text}");
        }
        for text in [r"regex:a)|(b\.example\.com", r"regex:[", "regex:(?x)a#"] {
            assert!(matches!(
                text.parse::<HostPattern>(),
                Err(HostError::Syntax(_) | HostError::NoDomain { .. })
            ));
        }
    }

    #[test]
    fn a_regex_that_lists_hosts_becomes_these_hosts() {
        let hosts = HostPattern::expand(r"regex:^(api\.twitter\.com|api\.x\.com|x\.com)").unwrap();
        let expected = ["api.twitter.com", "api.x.com", "x.com"]
            .map(|host| HostPattern::Exact(host.to_owned()));
        assert_eq!(hosts, expected);
        assert_eq!(
            HostPattern::expand(r"regex:a$b"),
            Err(HostError::MatchesNothing)
        );
        assert_eq!(
            r"regex:(a\.b\.com|c\.d\.com)".parse::<HostPattern>(),
            Err(HostError::SeveralDomains)
        );
    }
}
