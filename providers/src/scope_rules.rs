//! Which scope would have sufficed for a request, as far as the service documents it.

use std::collections::BTreeSet;

use crate::condition::is_of;
use crate::host::HostPattern;
use crate::path_pattern::PathPattern;

/// Which scopes requests need (RFC 6749 §3.3). Empty where a definition says nothing of it.
#[derive(Clone, Debug, Default)]
pub struct ScopeRules {
    /// The first that matches counts.
    pub(crate) rules: Vec<ScopeRule>,
    /// A scope, and those that it includes.
    pub(crate) includes: Vec<(String, Vec<String>)>,
}

/// The smallest scope for some requests.
#[derive(Clone, Debug)]
pub(crate) struct ScopeRule {
    pub(crate) scope: String,
    /// Empty means all hosts.
    pub(crate) hosts: Vec<HostPattern>,
    /// In upper case; empty means all methods.
    pub(crate) methods: Vec<String>,
    pub(crate) pattern: PathPattern,
}

impl ScopeRules {
    /// Whether the definition says nothing of scopes.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The smallest scope that suffices for a request; `None` if that is not known. `path` is
    /// canonical and relative to the base URL.
    pub fn scope_of(&self, host: &str, method: &str, path: &str) -> Option<&str> {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| {
            let mut methods = rule.methods.iter();
            is_of(&rule.hosts, host)
                && (rule.methods.is_empty() || methods.any(|known| known == method))
                && rule.pattern.matches(path)
        })?;
        Some(&rule.scope)
    }

    /// The scopes without those that another one of them includes.
    pub fn smallest<'a>(&self, scopes: &BTreeSet<&'a str>) -> Vec<&'a str> {
        let is_included = |scope: &str| scopes.iter().any(|other| self.includes(other, scope));
        let needed = scopes.iter().filter(|scope| !is_included(scope));
        needed.copied().collect()
    }

    fn includes(&self, larger: &str, smaller: &str) -> bool {
        let mut known = self.includes.iter().filter(|(scope, _)| scope == larger);
        known.any(|(_, included)| included.iter().any(|scope| scope == smaller))
    }
}
