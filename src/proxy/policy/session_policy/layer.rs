//! One layer of a policy, and where it is from.

use std::fmt;

use authsome_providers::ProviderId;

use super::limit::Limit;
use super::path_rule::PathRule;
use crate::authority::Authority;
use crate::net::host_rule::HostRule;
use crate::proxy::policy::git_push::RefPattern;

/// What happens to hosts that belong to no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// They are tunneled without inspection.
    #[default]
    Allow,
    /// They are refused with 403, unless an `allow_hosts` rule names them.
    Deny,
}

/// Where a layer of a policy is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PolicySource {
    /// The flags of the command.
    #[default]
    Flags,
    /// A file that the user named, as it is shown.
    File(String),
    /// `config.toml`.
    Settings,
}

impl fmt::Display for PolicySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags => f.write_str("the flags of this run"),
            Self::File(path) => f.write_str(path),
            Self::Settings => f.write_str("config.toml"),
        }
    }
}

/// One layer of a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyLayer {
    /// Where it is from.
    pub source: PolicySource,
    /// What happens to hosts that belong to no connection.
    pub unmanaged: Policy,
    /// Hosts that may be reached although [`Policy::Deny`] is set, or although their addresses are
    /// of a kind that is otherwise refused.
    pub allow_hosts: Vec<HostRule>,
    /// Hosts that are refused, hosts of connections included.
    pub deny_hosts: Vec<HostRule>,
    /// If a provider is named here, requests of its connections must match one of its rules.
    pub allow_paths: Vec<PathRule>,
    /// Requests that wait for the user's yes.
    pub ask_paths: Vec<PathRule>,
    /// Requests that do not, although such a rule of this layer names them; those of `config.toml`
    /// hold for all layers.
    pub unasked_paths: Vec<PathRule>,
    /// Requests that are refused.
    pub deny_paths: Vec<PathRule>,
    /// The refs that may be pushed to with git; `None` for all.
    pub git_push: Option<Vec<RefPattern>>,
    /// Whether requests to hosts of connections may only read.
    pub is_read_only: bool,
    /// Budgets.
    pub limits: Vec<Limit>,
}

/// Rules of one layer that exclude each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{one} and {other} contradict each other")]
pub struct Contradiction {
    one: String,
    other: String,
}

impl PolicyLayer {
    /// Whether a host may be reached at some port, as far as its name tells.
    pub(super) fn admits_name(&self, name: &Authority, managed: bool) -> bool {
        let mut denied = self.deny_hosts.iter();
        let is_denied = denied.any(|rule| rule.matches_at_all_ports(name));
        let mut allowed = self.allow_hosts.iter();
        let mut is_named = || allowed.any(|rule| rule.matches_at_some_port(name));
        !is_denied && (managed || self.unmanaged != Policy::Deny || is_named())
    }

    /// Whether it restricts anything, or lifts anything.
    pub fn is_empty(&self) -> bool {
        self.unmanaged == Policy::Allow
            && self.allow_hosts.is_empty()
            && self.deny_hosts.is_empty()
            && self.allow_paths.is_empty()
            && self.ask_paths.is_empty()
            && self.unasked_paths.is_empty()
            && self.deny_paths.is_empty()
            && self.git_push.is_none()
            && !self.is_read_only
            && self.limits.is_empty()
    }

    /// The refs that may be pushed to, if they are limited. A session that only reads pushes to
    /// none: git prints that as it prints what a server's hook says.
    pub(super) fn pushed_refs(&self) -> Option<Vec<RefPattern>> {
        if self.is_read_only {
            return Some(Vec::new());
        }
        self.git_push.clone()
    }

    /// Looks for rules of which one can have no effect.
    ///
    /// # Errors
    ///
    /// The first two that contradict each other.
    pub fn check(&self) -> Result<(), Contradiction> {
        let contradict = |one: &dyn fmt::Display, other: &dyn fmt::Display| Contradiction {
            one: one.to_string(),
            other: other.to_string(),
        };
        for rule in &self.allow_hosts {
            if self.deny_hosts.contains(rule) {
                let (one, other) = (format!("allow-host {rule}"), format!("deny-host {rule}"));
                return Err(contradict(&one, &other));
            }
        }
        for rule in &self.allow_paths {
            if self.deny_paths.contains(rule) {
                let (one, other) = (format!("allow-path {rule}"), format!("deny-path {rule}"));
                return Err(contradict(&one, &other));
            }
        }
        if self.is_read_only
            && let Some(pattern) = self.git_push.iter().flatten().next()
        {
            return Err(contradict(&"read-only", &format!("git-push {pattern}")));
        }
        for (index, limit) in self.limits.iter().enumerate() {
            let mut later = self.limits[index + 1..].iter();
            if let Some(other) = later.find(|other| limit.contradicts(other)) {
                let (one, other) = (format!("limit {limit}"), format!("limit {other}"));
                return Err(contradict(&one, &other));
            }
        }
        Ok(())
    }

    /// Its rules as the flags name them, each with its value.
    pub fn rules(&self) -> Vec<(&'static str, String)> {
        let mut rules = Vec::new();
        if self.unmanaged == Policy::Deny {
            rules.push(("policy", "deny".to_owned()));
        }
        add(&mut rules, "allow-host", &self.allow_hosts);
        add(&mut rules, "deny-host", &self.deny_hosts);
        add(&mut rules, "allow-path", &self.allow_paths);
        add(&mut rules, "deny-path", &self.deny_paths);
        add(&mut rules, "ask-path", &self.ask_paths);
        add(&mut rules, "unasked-path", &self.unasked_paths);
        match &self.git_push {
            Some(refs) if refs.is_empty() => rules.push(("git-push", "nothing".to_owned())),
            Some(refs) => add(&mut rules, "git-push", refs),
            None => {}
        }
        if self.is_read_only {
            rules.push(("read-only", "true".to_owned()));
        }
        add(&mut rules, "limit", &self.limits);
        rules
    }

    /// The providers that its rules name.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderId> {
        let asked = self.ask_paths.iter().chain(&self.unasked_paths);
        let paths = self.allow_paths.iter().chain(&self.deny_paths).chain(asked);
        let limits = self.limits.iter().filter_map(Limit::provider);
        paths.map(PathRule::provider).chain(limits)
    }
}

fn add<T: fmt::Display>(rules: &mut Vec<(&'static str, String)>, name: &'static str, of: &[T]) {
    rules.extend(of.iter().map(|rule| (name, rule.to_string())));
}
