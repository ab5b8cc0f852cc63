//! The guard of GraphQL endpoints: what a request would do there, from its head and its whole body.
//!
//! All operations go to one path, so that a rule by path cannot tell them apart. This reads the
//! documents that a request carries, and refuses the fields that the definition denies.
//!
//! **Invariant:** what the server runs is what was read here. So every carrier of a document is
//! read (the query string and the body), and what two servers could read differently is refused and
//! not guessed: duplicate names, other charsets, trailing bytes, quotes in comments. What names a
//! document without showing it (a "persisted query") is refused as well.
//!
//! All operations and fragments of a document are looked at, whichever of them is to run, and a
//! directive such as `@include` changes nothing: its condition may be a variable. So fragments are
//! followed only to find the root fields of mutations, each of them once, and a cycle does no harm.

mod content_type;
mod document;
mod form;
mod json;
mod multipart;
#[cfg(any(fuzzing, test))]
pub(crate) mod properties;
mod request;
#[cfg(test)]
mod tests;
mod utf8;
mod verdict;

use std::collections::HashMap;

use authsome_providers::Rules;
use http::Method;

use self::document::Document;
pub(in crate::proxy) use self::request::GraphqlRequest;
pub(crate) use self::verdict::{Kind, Unreadable, Verdict};
use crate::proxy::limits::{MAX_GRAPHQL_BATCH, MAX_GRAPHQL_BODY, MAX_GRAPHQL_TOKENS};

/// The rules about GraphQL of one definition that are in force.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Guard {
    /// Name and reason of each.
    rules: Vec<(String, String)>,
    /// The rule for each root field of a mutation that one denies.
    mutations: HashMap<String, usize>,
    /// The same for fields at any place.
    fields: HashMap<String, usize>,
}

impl Guard {
    /// The guard rules about GraphQL of `rules`, without those that the user has lifted. If several
    /// deny a field, the first one that is not lifted says so.
    pub(in crate::proxy) fn new(rules: &Rules, is_lifted: impl Fn(&str) -> bool) -> Self {
        let mut guard = Self::default();
        let in_force = rules.guards().iter().filter(|rule| !is_lifted(&rule.name));
        for (rule, names) in in_force.filter_map(|rule| Some((rule, rule.graphql.as_ref()?))) {
            let number = guard.rules.len();
            guard.rules.push((rule.name.clone(), rule.reason.clone()));
            for name in &names.mutations {
                guard.mutations.entry(name.clone()).or_insert(number);
            }
            for name in &names.fields {
                guard.fields.entry(name.clone()).or_insert(number);
            }
        }
        guard
    }

    /// What the request does, and whether that is denied.
    pub(in crate::proxy) fn check(&self, request: &GraphqlRequest<'_>) -> Verdict {
        match self.read(request) {
            Ok(verdict) => verdict,
            Err(why) => Verdict::Unreadable(why),
        }
    }

    fn read(&self, request: &GraphqlRequest<'_>) -> Result<Verdict, Unreadable> {
        let texts = request.documents()?;
        if texts.len() > MAX_GRAPHQL_BATCH {
            return Err(Unreadable::TooMany);
        }
        let (mut kind, mut budget) = (Kind::Query, MAX_GRAPHQL_TOKENS);
        let mut denied = None;
        // All are read before one is denied: what cannot be read is not answered with a rule whose
        // lifting would not help.
        for text in &texts {
            let document = Document::parse(text, &mut budget)?;
            kind = kind.max(document.kind);
            denied = denied.or_else(|| self.denied(&document));
        }
        Ok(denied.unwrap_or(Verdict::Allowed { kind }))
    }

    fn denied(&self, document: &Document) -> Option<Verdict> {
        let of = |names: &[String], rules: &HashMap<String, usize>| {
            let mut found = names
                .iter()
                .filter_map(|name| Some((name, rules.get(name)?)));
            found.next().map(|(name, rule)| (name.clone(), *rule))
        };
        let mutation = of(&document.mutations, &self.mutations);
        let (field, rule) = mutation.or_else(|| of(&document.fields, &self.fields))?;
        let (rule, reason) = self.rules.get(rule)?.clone();
        Some(Verdict::Denied {
            rule,
            reason,
            field,
        })
    }
}

/// How many bytes of the body are held before the request goes on, and then shown to
/// [`Guard::check`]; `None` if the request needs no check. A body that is larger is refused.
/// `path` is canonical and relative to the base URL.
///
/// Any method and any type of body counts: which of them a server takes, it decides itself. A
/// request for options runs nothing.
pub(in crate::proxy) fn held(
    rules: &Rules,
    host: &str,
    method: &Method,
    path: &str,
) -> Option<usize> {
    let is_guarded = method != Method::OPTIONS && rules.is_graphql(host, path);
    is_guarded.then_some(MAX_GRAPHQL_BODY)
}
