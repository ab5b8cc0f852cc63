//! The rules that do not depend on the base URL. They are made once and used for each request.

use std::sync::{Arc, OnceLock};

use super::{Carriers, GraphqlEndpoint, GuardRule, Guards, Injection, Rules};
use crate::condition::Condition;
use crate::error::DefinitionError;
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
    pub(super) is_gits: bool,
}

/// An entry of `inject`, as it is parsed.
#[derive(Clone, Debug)]
pub(crate) struct InjectEntry {
    pub(crate) pattern: PathPattern,
    pub(crate) condition: Option<Condition>,
    pub(crate) shape: Shape,
    pub(crate) only_if_sent: bool,
    /// It is the rule for what git asks for.
    pub(crate) is_gits: bool,
}

impl InjectEntry {
    /// One that depends on the path alone.
    pub(crate) fn of(pattern: PathPattern, shape: Shape) -> Self {
        Self {
            pattern,
            condition: None,
            shape,
            only_if_sent: false,
            is_gits: false,
        }
    }
}

/// The part of a provider's rules that is the same at every base URL.
#[derive(Debug, Default)]
pub(crate) struct CommonRules {
    pub(super) shapes: Vec<Shape>,
    pub(super) inject: Vec<InjectRule>,
    pub(super) guards: Guards,
    pub(super) carriers: Carriers,
    pub(super) headers: Vec<(String, String)>,
    pub(super) graphql: Vec<GraphqlEndpoint>,
    pub(super) mints: Vec<SecretShape>,
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
    /// Builds the rules from the checked parts of the definition.
    pub(crate) fn new(
        inject: Vec<InjectEntry>,
        guards: Guards,
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
                is_gits,
            } = entry;
            let known = shapes.iter().position(|known| *known == shape);
            numbered.push(InjectRule {
                pattern,
                condition,
                injection: Injection {
                    shape: known.unwrap_or(shapes.len()),
                    only_if_sent,
                },
                is_gits,
            });
            if known.is_none() {
                shapes.push(shape);
            }
        }
        Self {
            carriers: carriers.including(&shapes),
            shapes,
            inject: numbered,
            guards,
            headers,
            graphql: Vec::new(),
            method_field: None,
            mints: Vec::new(),
        }
    }

    /// What the first rule that applies says. A request of git's falls under the rule that is
    /// git's, whatever its path.
    pub(super) fn injection(
        &self,
        (host, method, path, query): (&str, &str, &str, Option<&str>),
        is_gits: bool,
    ) -> Option<Injection> {
        let matching = self.inject.iter().find(|rule| {
            let condition = rule.condition.as_ref();
            ((is_gits && rule.is_gits) || rule.pattern.matches(path))
                && condition.is_none_or(|condition| condition.holds(host, method, query))
        });
        matching.map(|rule| rule.injection)
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
        self.common.guards.rules()
    }

    /// These rules with the guards of `others` added, and the names of the added guards. `None` if
    /// there are none to add.
    pub(crate) fn with_guards_of(&self, others: &Self) -> Option<(Self, Vec<String>)> {
        let own = self.guards();
        let is_known = |rule: &&GuardRule| {
            own.iter().any(|known| {
                known.methods == rule.methods
                    && known.pattern == rule.pattern
                    && known.hosts == rule.hosts
                    && known.graphql == rule.graphql
                    && known.sends == rule.sends
            })
        };
        let theirs = others.guards().iter();
        let added: Vec<_> = theirs.filter(|rule| !is_known(rule)).collect();
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
                is_gits: rule.is_gits,
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
        let common = CommonRules::new(inject, Guards::of(guards), &self.common.carriers, headers);
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
