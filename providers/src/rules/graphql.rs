//! What a definition says of GraphQL: where documents are taken, and what is denied inside of them.

use std::fmt;

use crate::condition::is_of;
use crate::host::HostPattern;
use crate::path_pattern::PathPattern;

/// A path at which a service takes GraphQL documents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GraphqlEndpoint {
    /// The hosts; empty means all.
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) pattern: PathPattern,
}

impl GraphqlEndpoint {
    pub(super) fn is_at(&self, host: &str, path: &str) -> bool {
        self.pattern.matches(path) && is_of(&self.hosts, host)
    }
}

/// The names that a guard rule denies inside of GraphQL documents (GraphQL specification §2.1.9).
/// They are case-sensitive, and an alias does not change them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GraphqlNames {
    /// Fields at the root of a mutation.
    pub mutations: Vec<String>,
    /// Fields at any place of any operation, whatever their type.
    pub fields: Vec<String>,
}

impl fmt::Display for GraphqlNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, names) in [("mutations", &self.mutations), ("fields", &self.fields)] {
            if !names.is_empty() {
                write!(formatter, "{separator}{kind} {}", names.join(", "))?;
                separator = "; ";
            }
        }
        Ok(())
    }
}
