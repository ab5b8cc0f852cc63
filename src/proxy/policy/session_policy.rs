//! What the user permits in a session: hosts, methods, paths, and budgets.
//!
//! A policy has layers: the flags of the command, a file, `config.toml`. Each layer permits or
//! denies by itself, and a request is served only if every layer permits it. So the stricter one
//! wins, whatever each of them says, and a refusal names the one that denies.
//!
//! Everything here is decided on the head of a request. What only a body can tell (the refs of a
//! push, what a GraphQL document does) is a [`Need`], which `exchange/` looks into.

mod layer;
mod limit;
mod need;
mod path_rule;

use std::sync::Arc;
use std::time::{Duration, Instant};

use authsome_providers::ProviderId;

pub use self::layer::{Contradiction, Policy, PolicyLayer, PolicySource};
use self::limit::{Budget, Spent, Subject};
pub use self::limit::{Limit, LimitError};
pub(in crate::proxy) use self::need::{Asked, Need};
pub use self::path_rule::{PathRule, PathRuleError};
use super::git_push::{self, PushPolicy};
use super::method_override::Methods;
use super::route::Route;
use crate::authority::Authority;
use crate::defence::Defence;
use crate::net::address_kind::AddressRule;
use crate::proxy::refusal::{Denial, Refusal};

/// The policy of a session. A request only reads it; budgets take no lock.
#[derive(Debug, Default)]
pub struct SessionPolicy {
    layers: Vec<PolicyLayer>,
    budgets: Vec<Budget>,
    /// Of the layers that name refs.
    pushes: Vec<Arc<PushPolicy>>,
}

impl SessionPolicy {
    /// The policy of these layers. Budgets begin at `now`.
    pub fn new(layers: impl IntoIterator<Item = PolicyLayer>, now: Instant) -> Self {
        let layers: Vec<_> = layers
            .into_iter()
            .filter(|layer| !layer.is_empty())
            .collect();
        let limits = layers.iter().flat_map(|layer| &layer.limits);
        let pushes = layers.iter().filter_map(PolicyLayer::pushed_refs);
        Self {
            pushes: pushes.map(|refs| Arc::new(PushPolicy::new(refs))).collect(),
            budgets: limits
                .map(|limit| Budget::new(limit.clone(), now))
                .collect(),
            layers,
        }
    }

    /// Its layers, without those that say nothing.
    pub fn layers(&self) -> &[PolicyLayer] {
        &self.layers
    }

    /// Whether some host may be refused, so that the proxy has to see every connection.
    pub fn restricts_hosts(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.any(|layer| layer.unmanaged == Policy::Deny || !layer.deny_hosts.is_empty())
    }

    /// Whether hosts that belong to no connection are refused, if no rule names them.
    pub fn denies_unmanaged(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.any(|layer| layer.unmanaged == Policy::Deny)
    }

    /// Which addresses a host that no route names may have. A rule that names the host itself
    /// permits all.
    pub(in crate::proxy) fn address_rule(&self, authority: &Authority) -> AddressRule {
        let mut rules = self.layers.iter().flat_map(|layer| &layer.allow_hosts);
        if rules.any(|rule| rule.is_of(authority)) {
            AddressRule::All
        } else if self.denies_unmanaged() {
            AddressRule::PublicOnly
        } else {
            AddressRule::NotLocal
        }
    }

    /// Whether a host of a connection may be reached.
    pub(in crate::proxy) fn admits_managed(&self, authority: &Authority) -> Result<(), Refusal> {
        let mut layers = self.layers.iter();
        layers.try_for_each(|layer| not_denied(layer, authority))
    }

    /// Whether a host that no route names may be reached.
    pub(in crate::proxy) fn admits_unmanaged(&self, authority: &Authority) -> Result<(), Refusal> {
        for layer in &self.layers {
            not_denied(layer, authority)?;
            let is_named = || layer.allow_hosts.iter().any(|rule| rule.matches(authority));
            if layer.unmanaged == Policy::Deny && !is_named() && Defence::HostRules.stands() {
                return Err(Refusal::Unmanaged(authority.to_string()));
            }
        }
        Ok(())
    }

    /// Whether there is nothing to ask about a request.
    pub(in crate::proxy) fn is_open(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether a request of that route may be served. `path` is relative to the service's base at
    /// `host`.
    ///
    /// # Errors
    ///
    /// What denies it.
    pub(in crate::proxy) fn check(
        &self,
        route: &Route,
        methods: &Methods<'_>,
        (host, path): (&str, &str),
    ) -> Result<Need, Refusal> {
        let mut need = Need {
            push: !self.pushes.is_empty()
                && git_push::is_push(methods.method(), path)
                && Defence::PushPolicy.stands(),
            ..Need::default()
        };
        for layer in &self.layers {
            if Defence::PathRules.stands() {
                check_paths(layer, route, methods, path)?;
            }
            if layer.is_read_only && Defence::ReadOnly.stands() && !methods.iter().all(is_safe) {
                if !(methods.is_plain() && methods.own() == "POST") {
                    return Err(only_reads(layer, methods.own()));
                }
                if !route.is_service_of_git(host, path, FETCH) && !need.push {
                    need.only_read = true;
                    need.writes |= !route.is_service_of_git(host, path, LFS_BATCH);
                }
            }
        }
        Ok(need)
    }

    /// Whether requests to hosts of connections may only read.
    pub(in crate::proxy) fn is_read_only(&self) -> bool {
        self.layers.iter().any(|layer| layer.is_read_only) && Defence::ReadOnly.stands()
    }

    /// The refusal of a request that may only read, and does not.
    pub(in crate::proxy) fn only_reads(&self, method: &str) -> Refusal {
        let layer = self.layers.iter().find(|layer| layer.is_read_only);
        only_reads(layer.unwrap_or(&PolicyLayer::default()), method)
    }

    /// Takes one request out of the budgets that count it.
    ///
    /// # Errors
    ///
    /// The budget that is used up.
    pub(in crate::proxy) fn take_request(
        &self,
        provider: Option<&ProviderId>,
        now: Instant,
    ) -> Result<(), Refusal> {
        for budget in &self.budgets {
            let counts = match &budget.limit.subject {
                Subject::BytesUp => false,
                Subject::Provider(of) => provider == Some(of),
                Subject::Requests => true,
            };
            if counts {
                budget
                    .take(1, now)
                    .map_err(|spent| Over::new(&budget.limit, spent))?;
            }
        }
        Ok(())
    }

    /// What may be pushed with git: each of them has to allow it.
    pub(in crate::proxy) fn push_policies(&self) -> impl Iterator<Item = &Arc<PushPolicy>> {
        self.pushes.iter()
    }

    /// Whether bytes of bodies are counted.
    pub(in crate::proxy) fn counts_bytes(&self) -> bool {
        let mut budgets = self.budgets.iter();
        budgets.any(|budget| budget.limit.subject == Subject::BytesUp)
    }

    /// Takes bytes of a request's body out of the budget for them.
    ///
    /// # Errors
    ///
    /// The budget has less left.
    pub(in crate::proxy) fn take_bytes(&self, bytes: u64, now: Instant) -> Result<(), Over> {
        for budget in &self.budgets {
            if budget.limit.subject == Subject::BytesUp {
                budget
                    .take(bytes, now)
                    .map_err(|spent| Over::new(&budget.limit, spent))?;
            }
        }
        Ok(())
    }
}

/// The refusal of a request that is no reading one.
fn only_reads(layer: &PolicyLayer, method: &str) -> Refusal {
    let source = &layer.source;
    denied(
        "read-only",
        format!(
            "{method} may change something, and this session only reads (read-only, by {source})"
        ),
        "to permit it, the user can start the run without that rule",
    )
}

fn not_denied(layer: &PolicyLayer, authority: &Authority) -> Result<(), Refusal> {
    let mut rules = layer.deny_hosts.iter();
    match rules.find(|rule| rule.matches(authority)) {
        Some(rule) if Defence::HostRules.stands() => Err(denied(
            "deny-host",
            format!(
                "{authority} is denied (deny-host {rule}, by {})",
                layer.source
            ),
            "to permit it, the user can start the run without that rule",
        )),
        _ => Ok(()),
    }
}

fn check_paths(
    layer: &PolicyLayer,
    route: &Route,
    methods: &Methods<'_>,
    path: &str,
) -> Result<(), Refusal> {
    let about = |rule: &&PathRule| rule.is_about(&route.id);
    for method in methods.iter() {
        let mut denying = layer.deny_paths.iter().filter(about);
        if let Some(rule) = denying.find(|rule| rule.denies(method, path)) {
            return Err(denied(
                "deny-path",
                format!(
                    "{method} {path} is denied (deny-path {rule}, by {})",
                    layer.source
                ),
                "to permit it, the user can start the run without that rule",
            ));
        }
        let mut allowing = layer.allow_paths.iter().filter(about).peekable();
        if allowing.peek().is_some() && !allowing.any(|rule| rule.permits(method, path)) {
            let provider = &route.id.provider;
            return Err(denied(
                "allow-path",
                format!(
                    "{method} {path} is none of the requests that the rules for {provider} permit (allow-path, by {})",
                    layer.source
                ),
                &format!(
                    "to permit it, the user can add a rule: --allow-path '{provider}={method} {path}'"
                ),
            ));
        }
    }
    Ok(())
}

fn denied(rule: &'static str, reason: String, hint: &str) -> Refusal {
    Refusal::Policy(Box::new(Denial {
        rule,
        reason,
        hint: hint.to_owned(),
    }))
}

/// A budget that is used up.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Over {
    limit: String,
    again: Option<Duration>,
}

impl Over {
    fn new(limit: &Limit, spent: Spent) -> Self {
        Self {
            limit: limit.to_string(),
            again: spent.again,
        }
    }
}

impl From<Over> for Refusal {
    fn from(Over { limit, again }: Over) -> Self {
        Self::Budget { limit, again }
    }
}

/// Whether requests of that method only read (RFC 9110 §9.2.1).
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// The end of the path of git's way to fetch (`gitprotocol-http`, "Smart Service git-upload-pack").
const FETCH: &str = "/git-upload-pack";

/// The end of the path of git-lfs' one request for several objects (its "Batch API").
const LFS_BATCH: &str = "/info/lfs/objects/batch";

#[cfg(test)]
mod tests;
