//! The rules that do not depend on the base URL. They are made once and used for each request.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::{Carriers, GraphqlEndpoint, GuardRule, Injection, Rules};
use crate::condition::Condition;
use crate::error::DefinitionError;
use crate::landmarks::Landmarks;
use crate::path_pattern::PathPattern;
use crate::secret_shape::SecretShape;
use crate::shape::Shape;

/// The shape that requests to matching paths get.
#[derive(Debug)]
pub(super) struct InjectRule {
    pub(super) pattern: PathPattern,
    /// `None` for most rules.
    pub(super) condition: Option<Condition>,
    pub(super) injection: Injection,
}

/// An entry of `inject`, as it is parsed.
#[derive(Clone, Debug)]
pub(crate) struct InjectEntry {
    pub(crate) pattern: PathPattern,
    pub(crate) condition: Option<Condition>,
    pub(crate) shape: Shape,
    pub(crate) only_if_sent: bool,
}

impl InjectEntry {
    /// One that depends on the path alone.
    pub(crate) fn of(pattern: PathPattern, shape: Shape) -> Self {
        Self {
            pattern,
            condition: None,
            shape,
            only_if_sent: false,
        }
    }
}

/// The guard rules that apply to one method.
#[derive(Debug, Default)]
pub(super) struct MethodGuards {
    /// Made by the first request: most methods of most services are never used in a run.
    landmarks: OnceLock<Landmarks>,
    pub(super) indices: Vec<usize>,
}

impl MethodGuards {
    /// Selects from all `guards`. `None` as `method` means any method that no rule names.
    fn new(guards: &[GuardRule], method: Option<&str>) -> Self {
        let applies = |rule: &GuardRule| {
            let names = |known: &String| method.is_some_and(|method| method == known);
            rule.is_by_path() && (rule.methods.is_empty() || rule.methods.iter().any(names))
        };
        let rules = guards.iter().enumerate().filter(|(_, rule)| applies(rule));
        Self {
            landmarks: OnceLock::new(),
            indices: rules.map(|(index, _)| index).collect(),
        }
    }

    /// Where the rules are, in all `guards`.
    pub(super) fn landmarks(&self, guards: &[GuardRule]) -> &Landmarks {
        self.landmarks.get_or_init(|| {
            let rules = self.indices.iter().filter_map(|index| guards.get(*index));
            let patterns = rules.map(|rule| &rule.pattern);
            Landmarks::of_patterns(
                patterns.map(|pattern| (pattern.literal_segments().collect(), pattern.tail())),
            )
        })
    }
}

/// The part of a provider's rules that is the same at every base URL.
#[derive(Debug, Default)]
pub(crate) struct CommonRules {
    pub(super) shapes: Vec<Shape>,
    pub(super) inject: Vec<InjectRule>,
    pub(super) guards: Vec<GuardRule>,
    /// The rules for each method that a guard names, and those for all other methods, so that a
    /// request needs only one look-up.
    guards_by_method: Vec<(String, MethodGuards)>,
    guards_of_others: MethodGuards,
    pub(super) carriers: Carriers,
    pub(super) headers: Vec<(String, String)>,
    pub(super) graphql: Vec<GraphqlEndpoint>,
    pub(super) mints: Vec<SecretShape>,
    pub(super) denies_other_methods: bool,
    pub(super) method_field: Option<String>,
}

/// What a definition says of the server's reading of requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerReading {
    /// Where documents are taken.
    pub(crate) graphql: Vec<GraphqlEndpoint>,
    /// The field of a body that replaces the method of a `POST`.
    pub(crate) method_field: Option<String>,
}

impl CommonRules {
    pub(super) fn guards_for(&self, method: &str) -> &MethodGuards {
        let mut named = self.guards_by_method.iter();
        let named = named.find(|(known, _)| known.eq_ignore_ascii_case(method));
        named.map_or(&self.guards_of_others, |(_, rules)| rules)
    }

    /// Builds the rules from the checked parts of the definition.
    pub(crate) fn new(
        inject: Vec<InjectEntry>,
        guards: Vec<GuardRule>,
        carriers: &Carriers,
        headers: Vec<(String, String)>,
    ) -> Self {
        let mut shapes: Vec<Shape> = Vec::new();
        let mut numbered = Vec::with_capacity(inject.len());
        for entry in inject {
            let InjectEntry {
                pattern,
                condition,
                shape,
                only_if_sent,
            } = entry;
            let known = shapes.iter().position(|known| *known == shape);
            numbered.push(InjectRule {
                pattern,
                condition,
                injection: Injection {
                    shape: known.unwrap_or(shapes.len()),
                    only_if_sent,
                },
            });
            if known.is_none() {
                shapes.push(shape);
            }
        }
        let named: BTreeSet<_> = guards.iter().flat_map(|rule| &rule.methods).collect();
        let named = named.into_iter();
        let goes_around = |rule: &GuardRule| {
            let is_post = |method: &String| method == "POST";
            rule.is_by_path() && !rule.methods.is_empty() && !rule.methods.iter().any(is_post)
        };
        Self {
            denies_other_methods: guards.iter().any(goes_around),
            carriers: carriers.including(&shapes),
            shapes,
            inject: numbered,
            guards_by_method: named
                .map(|method| (method.clone(), MethodGuards::new(&guards, Some(method))))
                .collect(),
            guards_of_others: MethodGuards::new(&guards, None),
            guards,
            headers,
            graphql: Vec::new(),
            method_field: None,
            mints: Vec::new(),
        }
    }

    /// The same rules for a server that reads requests like that.
    pub(crate) fn at_server(mut self, reading: ServerReading) -> Self {
        (self.graphql, self.method_field) = (reading.graphql, reading.method_field);
        self
    }

    /// The same rules for a service whose fresh secrets look like that.
    pub(crate) fn with_mints(mut self, mints: Vec<SecretShape>) -> Self {
        self.mints = mints;
        self
    }

    fn reading(&self) -> ServerReading {
        ServerReading {
            graphql: self.graphql.clone(),
            method_field: self.method_field.clone(),
        }
    }
}

/// A provider's rules, shared by all its base URLs.
#[derive(Clone, Debug)]
pub(crate) struct SharedRules {
    common: Arc<CommonRules>,
    /// The rules for all base URLs with the usual OAuth paths.
    usual: Arc<OnceLock<Arc<Rules>>>,
}

impl SharedRules {
    pub(crate) fn new(common: CommonRules) -> Self {
        Self {
            common: Arc::new(common),
            usual: Arc::default(),
        }
    }

    /// All guard rules.
    pub(crate) fn guards(&self) -> &[GuardRule] {
        &self.common.guards
    }

    /// These rules with the guards of `others` added, and the names of the added guards. `None` if
    /// there are none to add.
    pub(crate) fn with_guards_of(&self, others: &Self) -> Option<(Self, Vec<String>)> {
        let own = &self.common.guards;
        let is_known = |rule: &&GuardRule| {
            own.iter().any(|known| {
                known.methods == rule.methods
                    && known.pattern == rule.pattern
                    && known.hosts == rule.hosts
                    && known.graphql == rule.graphql
                    && known.sends == rule.sends
            })
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
        let mut names: Vec<String> = Vec::new();
        for rule in &added {
            if !names.contains(&rule.name) {
                names.push(rule.name.clone()); // several rules may share a name
            }
        }
        let shape = |rule: &InjectRule| {
            Some(InjectEntry {
                pattern: rule.pattern.clone(),
                condition: rule.condition.clone(),
                shape: self.common.shapes.get(rule.injection.shape)?.clone(),
                only_if_sent: rule.injection.only_if_sent,
            })
        };
        let inject = self.common.inject.iter().filter_map(shape).collect();
        let guards = own.iter().chain(added).cloned().collect();
        let headers = self.common.headers.clone();
        let mut reading = self.common.reading();
        let theirs = others.common.reading();
        let endpoints = theirs.graphql.into_iter();
        reading
            .graphql
            .extend(endpoints.filter(|one| !self.common.graphql.contains(one)));
        reading.method_field = reading.method_field.or(theirs.method_field);
        let common = CommonRules::new(inject, guards, &self.common.carriers, headers);
        let common = common.at_server(reading);
        let mints = self.common.mints.clone();
        Some((Self::new(common.with_mints(mints)), names))
    }

    /// The rules for a base URL that has the usual OAuth paths.
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

    /// The rules for a base URL that has OAuth paths of its own.
    pub(crate) fn with(&self, oauth_paths: Vec<String>) -> Arc<Rules> {
        Arc::new(Rules::new(Arc::clone(&self.common), oauth_paths))
    }
}
