//! Guard rules about what a request sends beside its method and path: header fields, parameters of
//! the query, fields of the body.

use std::collections::HashSet;
use std::sync::Arc;

use authsome_providers::{GuardRule, ProviderId, Rules};
use http::HeaderName;
use http::request::Parts;

use super::denied_field::{DeniedBy, DeniedField, DeniedFields, joined};
use super::method_override::Methods;
use crate::defence::Defence;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::name_lengths::NameLengths;
use crate::proxy::rewrite::named_field::find_in_query;

/// The rules of one definition that are in force, prepared once.
#[derive(Debug, Default)]
pub(in crate::proxy) struct SentGuard {
    rules: Vec<SentRule>,
    /// Of the parameters of all rules.
    parameters: NameLengths,
}

#[derive(Debug)]
struct SentRule {
    rule: GuardRule,
    headers: Vec<(HeaderName, DeniedField)>,
    query: Vec<DeniedField>,
    body: DeniedFields,
}

impl SentGuard {
    /// The rules that the user has not lifted (as `provider/rule`).
    pub(super) fn new(rules: &Rules, provider: &ProviderId, lifted: &HashSet<String>) -> Self {
        let is_lifted = |rule: &GuardRule| lifted.contains(&format!("{provider}/{}", rule.name));
        let is_in_force = |rule: &&GuardRule| !is_lifted(rule) && Defence::Guard.stands();
        let in_force = rules.guards().iter().filter(is_in_force);
        let prepared = in_force.filter_map(|rule| SentRule::of(rule, provider));
        let rules: Vec<_> = prepared.collect();
        let parameters = rules.iter().flat_map(|rule| &rule.query);
        Self {
            parameters: NameLengths::of(parameters.map(|field| field.name.as_str())),
            rules,
        }
    }

    /// What may not be in the body, if the head is permitted and the request `has_body`. `path` is
    /// canonical and relative to the service's base.
    ///
    /// # Errors
    ///
    /// The rule that denies the head.
    pub(super) fn check(
        &self,
        (rules, host): (&Rules, &str),
        (parts, path, has_body): (&Parts, &str, bool),
        methods: &Methods<'_>,
    ) -> Result<DeniedFields, Refusal> {
        let mut denied = None;
        let query = parts.uri.query();
        let query = query.filter(|query| self.parameters.may_be_in_query(query));
        for rule in &self.rules {
            // Before its path is looked at, which costs more: most requests send nothing of it.
            let in_head = rule.in_head(parts, query);
            let body = rule.body.as_ref().filter(|_| has_body);
            if in_head.is_none() && body.is_none() {
                continue;
            }
            let mut methods = methods.iter();
            if !methods.any(|method| rules.is_about(&rule.rule, host, method, path)) {
                continue;
            }
            if let Some(field) = in_head {
                return Err(field.why.clone().into());
            }
            denied = match (denied, body) {
                (None, body) => body.cloned(),
                (denied, Some(body)) => joined(denied, body.to_vec()),
                (denied, None) => denied,
            };
        }
        Ok(denied)
    }
}

impl SentRule {
    fn of(rule: &GuardRule, provider: &ProviderId) -> Option<Self> {
        let sends = rule.sends.as_ref()?;
        let field = |kind: &str, name: &String| DeniedField {
            name: name.clone(),
            value: None,
            why: DeniedBy::Guard {
                provider: provider.to_string(),
                rule: rule.name.clone(),
                reason: format!("{} (the {kind} {name})", rule.reason),
            },
        };
        let headers = sends.headers.iter();
        let headers = headers.filter_map(|name| Some((name.parse().ok()?, field("header", name))));
        let body = sends.body.iter().map(|name| field("field", name));
        let body: Arc<[_]> = body.collect();
        Some(Self {
            headers: headers.collect(),
            query: sends
                .query
                .iter()
                .map(|name| field("parameter", name))
                .collect(),
            body: (!body.is_empty()).then_some(body),
            rule: rule.clone(),
        })
    }

    /// What of the head is denied, if the rule is about the request. `query` is `None` as well if
    /// no rule's parameter can be in it.
    fn in_head(&self, parts: &Parts, query: Option<&str>) -> Option<&DeniedField> {
        let mut headers = self.headers.iter();
        let header = headers.find(|(name, _)| parts.headers.contains_key(name));
        let query = || {
            let query = query.filter(|_| !self.query.is_empty())?;
            self.query.get(find_in_query(query, &self.query)?)
        };
        header.map(|(_, field)| field).or_else(query)
    }
}
