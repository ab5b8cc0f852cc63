//! Requests that a rule of a policy names, by their connection, method and path.

use std::fmt;
use std::str::FromStr;

use authsome_providers::{PathPattern, ProviderId};

use crate::canonical_path::{AmbiguousPath, canonical_path};
use crate::credential::{ConnectionId, ConnectionName};
use crate::defence::Defence;

/// Requests of a provider's connections: `gitlab=/api/v4/projects/42/**`, of one connection as
/// `gitlab/work=/…`, or with some methods only, as `gitlab=GET,POST /api/v4/**`. In a path, `*`
/// stands for anything within a segment, and `**` for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    text: String,
    provider: ProviderId,
    name: Option<ConnectionName>,
    /// In capitals; empty for every method.
    methods: Vec<String>,
    path: PathPattern,
}

/// A text that is no rule for paths, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRuleError {
    /// There is no `=`.
    #[error("write PROVIDER=PATH, for example gitlab=/api/v4/projects/42/**")]
    Form,
    /// What is in front of `=` names no provider or connection.
    #[error(
        "{0:?} names no provider: write for example gitlab=/api/v4/** or gitlab/work=/api/v4/**"
    )]
    Provider(String),
    /// The path is no pattern.
    #[error("{pattern:?}: {reason}")]
    Path {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A method is no token (RFC 9110 §9.1).
    #[error("{0:?} is no method: write for example gitlab=GET,POST /api/v4/**")]
    Method(String),
}

impl PathRule {
    /// The provider whose connections it is about.
    pub fn provider(&self) -> &ProviderId {
        &self.provider
    }

    /// Whether it is about that connection.
    pub fn is_about(&self, id: &ConnectionId) -> bool {
        self.provider == id.provider && self.name.as_ref().is_none_or(|name| *name == id.name)
    }

    /// The text of a rule that names the requests of that connection, method and path, and no
    /// others.
    pub fn exactly(id: &ConnectionId, method: &str, path: &str) -> String {
        let is_plain = |character: char| !matches!(character, '*' | '?' | '#');
        if path.chars().all(is_plain) {
            return format!("{id}={method} {path}");
        }
        format!("{id}={method} {REGEX}{}", escaped(path))
    }

    /// Whether it permits a request of that method and canonical path, relative to the service's
    /// base.
    pub(in crate::proxy::policy) fn permits(&self, method: &str, path: &str) -> bool {
        self.has(method) && self.path.matches(path)
    }

    /// Whether it denies that request. A server may treat `/hooks.json` and `/hooks/` like
    /// `/hooks`, so a rule that denies the one denies the others.
    pub(in crate::proxy::policy) fn denies(&self, method: &str, path: &str) -> bool {
        let is_spelled =
            || self.path.matches_a_spelling_of(path) && Defence::RuleSpellings.stands();
        self.has(method) && (self.path.matches(path) || is_spelled())
    }

    fn has(&self, method: &str) -> bool {
        let mut methods = self.methods.iter();
        self.methods.is_empty() || methods.any(|known| known.eq_ignore_ascii_case(method))
    }
}

impl FromStr for PathRule {
    type Err = PathRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (target, rest) = text.split_once('=').ok_or(PathRuleError::Form)?;
        let of = || PathRuleError::Provider(target.to_owned());
        let (provider, name) = match target.split_once('/') {
            Some((provider, name)) => (provider, Some(name.parse().map_err(|_| of())?)),
            None => (target, None),
        };
        let provider = provider.parse().map_err(|_| of())?;
        let (methods, path) = match rest.trim().split_once(' ') {
            Some((methods, path)) => (parse_methods(methods)?, path.trim_start()),
            None => (Vec::new(), rest.trim()),
        };
        let unfit = |reason: String| PathRuleError::Path {
            pattern: path.to_owned(),
            reason,
        };
        if path.contains(['?', '#']) {
            return Err(unfit(
                "a rule is about the path, not about the query".to_owned(),
            ));
        }
        let pattern = path.parse().map_err(|error| unfit(format!("{error}")))?;
        if !path.starts_with(REGEX) {
            as_compared(path).map_err(unfit)?;
        }
        Ok(Self {
            text: text.to_owned(),
            provider,
            name,
            methods,
            path: pattern,
        })
    }
}

/// The prefix of a pattern that is a regular expression.
const REGEX: &str = "regex:";

/// The text as a regular expression that matches nothing else.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Refuses a pattern that no path can match, as it is in another spelling than paths are compared
/// in: a rule that denies it would protect from nothing.
fn as_compared(pattern: &str) -> Result<(), String> {
    match canonical_path(pattern) {
        Ok(canonical) if canonical == pattern => Ok(()),
        Ok(canonical) => Err(format!(
            "it matches no request, as a path is compared in another spelling: {canonical}"
        )),
        Err(AmbiguousPath) => Err(
            "it matches no request: a path with dot segments, backslashes or control characters is refused in any case"
                .to_owned(),
        ),
    }
}

fn parse_methods(text: &str) -> Result<Vec<String>, PathRuleError> {
    let methods = text.split(',').map(|method| {
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_method
            .then(|| method.to_ascii_uppercase())
            .ok_or_else(|| PathRuleError::Method(method.to_owned()))
    });
    methods.collect()
}

impl fmt::Display for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_the_requests_that_its_text_says() {
        let table = [
            (
                "gitlab=/api/v4/projects/42/**",
                "GET",
                "/api/v4/projects/42/issues",
                true,
            ),
            (
                "gitlab=/api/v4/projects/42/**",
                "GET",
                "/api/v4/projects/421/issues",
                false,
            ),
            (
                "gitlab=/api/v4/projects/*/issues",
                "GET",
                "/api/v4/projects/42/issues",
                true,
            ),
            (
                "gitlab=/api/v4/projects/*/issues",
                "GET",
                "/api/v4/projects/a/b/issues",
                false,
            ),
            ("gitlab=GET /api/**", "GET", "/api/v4/user", true),
            ("gitlab=get,HEAD /api/**", "HEAD", "/api/v4/user", true),
            ("gitlab=GET /api/**", "POST", "/api/v4/user", false),
            ("gitlab=/**", "DELETE", "/", true),
        ];
        for (rule, method, path, expected) in table {
            let rule: PathRule = rule.parse().unwrap();
            assert_eq!(
                rule.permits(method, path),
                expected,
                "{rule}: {method} {path}"
            );
        }
    }

    #[test]
    fn what_is_denied_is_denied_in_every_spelling() {
        let rule: PathRule = "gitlab=/api/v4/projects/*/hooks".parse().unwrap();
        for path in ["hooks", "hooks/", "hooks.json", "hooks.json/"] {
            let path = format!("/api/v4/projects/1/{path}");
            assert!(rule.denies("GET", &path), "{path}");
        }
        assert!(!rule.permits("GET", "/api/v4/projects/1/hooks.json"));
        assert!(!rule.denies("GET", "/api/v4/projects/1/hooks2"));
    }

    #[test]
    fn a_rule_may_be_about_one_connection() {
        let id = |name: &str| ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: name.parse().unwrap(),
        };
        let one: PathRule = "gitlab/work=/api/**".parse().unwrap();
        assert!(one.is_about(&id("work")) && !one.is_about(&id("default")));
        let all: PathRule = "gitlab=/api/**".parse().unwrap();
        assert!(all.is_about(&id("work")) && all.is_about(&id("default")));
    }

    #[test]
    fn a_rule_for_exactly_one_request_names_no_other() {
        let id = ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: "work".parse().unwrap(),
        };
        for path in [
            "/api/v4/a",
            "/a b/ü",
            "/api/*/x",
            "/a(b)[c].d+e|f^$",
            "/a%2Fb",
        ] {
            let rule: PathRule = PathRule::exactly(&id, "POST", path).parse().unwrap();
            assert!(rule.is_about(&id) && rule.permits("POST", path), "{rule}");
            assert!(!rule.permits("GET", path), "{rule}");
            let others = [
                format!("{path}x"),
                path.replace('*', "y"),
                path.replace('.', "y"),
            ];
            for other in others.iter().filter(|other| *other != path) {
                assert!(!rule.permits("POST", other), "{rule}: {other}");
            }
        }
    }

    #[test]
    fn what_a_path_may_have_a_rule_may_say() {
        for rule in [
            "gitlab=/api/v4/projects/group%2Fproject/**",
            "gitlab=/**/*.git/info/refs",
            "gitlab=/a/.gitlab-ci.yml",
            "gitlab=GET /ü/a b/**.atom",
            "gitlab=regex:/a//b",
        ] {
            assert!(rule.parse::<PathRule>().is_ok(), "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for (text, expected) in [
            ("/api/v4/**", "write PROVIDER=PATH"),
            ("=/api", "names no provider"),
            ("GitLab Inc=/api", "names no provider"),
            ("gitlab=api/v4", "starts with `/`"),
            ("gitlab=", "starts with `/`"),
            ("gitlab=/api?x=1", "not about the query"),
            ("gitlab=GET, /api", "no method"),
            ("gitlab=G3T /api", "no method"),
            ("gitlab=regex:(", "regex:("),
            ("gitlab=/a//b", "it matches no request"),
            ("gitlab=/a/%62", "another spelling: /a/b"),
            ("gitlab=/a%2fb", "another spelling: /a%2Fb"),
            ("gitlab=/a/../b", "dot segments"),
            ("gitlab=/a\\b", "backslashes"),
        ] {
            let error = text.parse::<PathRule>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
