//! The rules that do not depend on the place: made once, looked up with each request.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::{Carriers, GuardRule, Rules};
use crate::condition::Condition;
use crate::error::DefinitionError;
use crate::landmarks::Landmarks;
use crate::path_pattern::PathPattern;
use crate::shape::Shape;

/// Which of the shapes the requests to some paths get.
#[derive(Debug)]
pub(super) struct InjectRule {
    pub(super) pattern: PathPattern,
    /// Most rules have none.
    pub(super) condition: Option<Condition>,
    pub(super) shape: usize,
}

/// The rules that apply to one method.
#[derive(Debug, Default)]
pub(super) struct MethodGuards {
    pub(super) landmarks: Landmarks,
    pub(super) indices: Vec<usize>,
}

impl MethodGuards {
    /// Of all `guards`; no `method` means one that none of them names.
    fn new(guards: &[GuardRule], method: Option<&str>) -> Self {
        let applies = |rule: &GuardRule| {
            let names = |known: &String| method.is_some_and(|method| method == known);
            rule.methods.is_empty() || rule.methods.iter().any(names)
        };
        let rules = guards.iter().enumerate().filter(|(_, rule)| applies(rule));
        let (indices, rules): (Vec<_>, Vec<_>) = rules.unzip();
        Self {
            landmarks: Landmarks::of_patterns(
                rules
                    .iter()
                    .map(|rule| rule.pattern.literal_segments().collect()),
            ),
            indices,
        }
    }
}

/// What a provider's rules are everywhere.
#[derive(Debug, Default)]
pub(crate) struct CommonRules {
    pub(super) shapes: Vec<Shape>,
    pub(super) inject: Vec<InjectRule>,
    pub(super) guards: Vec<GuardRule>,
    /// For each method that a rule names, the rules that apply to it, and those for all other
    /// methods: a look-up for each request.
    guards_by_method: Vec<(String, MethodGuards)>,
    guards_of_others: MethodGuards,
    pub(super) carriers: Carriers,
}

impl CommonRules {
    pub(super) fn guards_for(&self, method: &str) -> &MethodGuards {
        let mut named = self.guards_by_method.iter();
        let named = named.find(|(known, _)| known.eq_ignore_ascii_case(method));
        named.map_or(&self.guards_of_others, |(_, rules)| rules)
    }

    /// Of what the definition says, each part of it checked.
    pub(crate) fn new(
        inject: Vec<(PathPattern, Option<Condition>, Shape)>,
        guards: Vec<GuardRule>,
        carriers: &Carriers,
    ) -> Self {
        let mut shapes: Vec<Shape> = Vec::new();
        let mut numbered = Vec::with_capacity(inject.len());
        for (pattern, condition, shape) in inject {
            let known = shapes.iter().position(|known| *known == shape);
            numbered.push(InjectRule {
                pattern,
                condition,
                shape: known.unwrap_or(shapes.len()),
            });
            if known.is_none() {
                shapes.push(shape);
            }
        }
        let named: BTreeSet<_> = guards.iter().flat_map(|rule| &rule.methods).collect();
        let named = named.into_iter();
        Self {
            carriers: carriers.including(&shapes),
            shapes,
            inject: numbered,
            guards_by_method: named
                .map(|method| (method.clone(), MethodGuards::new(&guards, Some(method))))
                .collect(),
            guards_of_others: MethodGuards::new(&guards, None),
            guards,
        }
    }
}

/// A provider's rules, as its places share them.
#[derive(Clone, Debug)]
pub(crate) struct SharedRules {
    common: Arc<CommonRules>,
    /// Those of the places that all have the same OAuth paths.
    usual: Arc<OnceLock<Arc<Rules>>>,
}

impl SharedRules {
    pub(crate) fn new(common: CommonRules) -> Self {
        Self {
            common: Arc::new(common),
            usual: Arc::default(),
        }
    }

    /// These rules with the guards of others beside their own, and the names of those that were
    /// added, if any was.
    pub(crate) fn with_guards_of(&self, others: &Self) -> Option<(Self, Vec<String>)> {
        let own = &self.common.guards;
        let is_known = |rule: &&GuardRule| {
            own.iter()
                .any(|known| known.methods == rule.methods && known.pattern == rule.pattern)
        };
        let added: Vec<_> = others
            .common
            .guards
            .iter()
            .filter(|rule| !is_known(rule))
            .collect();
        if added.is_empty() {
            return None;
        }
        let mut names: Vec<_> = added.iter().map(|rule| rule.name.clone()).collect();
        names.dedup();
        let shape = |rule: &InjectRule| {
            let shape = self.common.shapes.get(rule.shape)?.clone();
            Some((rule.pattern.clone(), rule.condition.clone(), shape))
        };
        let inject = self.common.inject.iter().filter_map(shape).collect();
        let guards = own.iter().chain(added).cloned().collect();
        let common = CommonRules::new(inject, guards, &self.common.carriers);
        Some((Self::new(common), names))
    }

    /// For a place whose OAuth paths are those of every other such place.
    pub(crate) fn usual(
        &self,
        oauth_paths: impl FnOnce() -> Result<Vec<String>, DefinitionError>,
    ) -> Result<Arc<Rules>, DefinitionError> {
        if let Some(rules) = self.usual.get() {
            return Ok(Arc::clone(rules));
        }
        let rules = self.with(oauth_paths()?);
        Ok(Arc::clone(self.usual.get_or_init(|| rules)))
    }

    /// For a place that has OAuth paths of its own.
    pub(crate) fn with(&self, oauth_paths: Vec<String>) -> Arc<Rules> {
        Arc::new(Rules::new(Arc::clone(&self.common), oauth_paths))
    }
}
