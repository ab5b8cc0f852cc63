//! What a connection was made with, sealed with it: a definition that is changed later, by whoever
//! can write a file, does not send a stored credential to more hosts, nor lift what was denied,
//! until the user logs in again.

use std::fmt::Write;
use std::sync::Arc;

use authsome_providers::{Definition, RoutePattern, Service, Source};
use aws_lc_rs::digest::{SHA256, digest};

/// What a connection was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where its credential goes at most.
    pub routes: Vec<RoutePattern>,
    /// The definition of its provider.
    pub definition: DefinitionUsed,
    /// The guard rules of its provider that were lifted then, by name.
    pub allowed_guards: Vec<String>,
}

/// Which definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionUsed {
    /// The one that comes with authsome, of whatever version.
    Bundled,
    /// The user's own.
    Custom(CustomDefinition),
}

/// A definition of the user's own.
#[derive(Clone, Debug)]
pub struct CustomDefinition {
    /// SHA-256 of its text, in hexadecimal; the vault has the text under it.
    pub digest: String,
    /// The text, where it is still to be stored.
    pub text: Option<Arc<str>>,
}

impl PartialEq for CustomDefinition {
    fn eq(&self, other: &Self) -> bool {
        // The text is left out: it is there only until it is stored.
        self.digest == other.digest
    }
}

impl Eq for CustomDefinition {}

impl Terms {
    /// What a connection that is made now is made with.
    pub fn new(definition: &Definition, service: &Service, allowed_guards: Vec<String>) -> Self {
        Self {
            routes: service.routes.clone(),
            definition: DefinitionUsed::of(definition),
            allowed_guards,
        }
    }
}

impl DefinitionUsed {
    /// That definition.
    pub fn of(definition: &Definition) -> Self {
        match definition.source {
            Source::Bundled => Self::Bundled,
            Source::Custom(_) => Self::Custom(CustomDefinition {
                digest: hexadecimal(digest(&SHA256, definition.text().as_bytes()).as_ref()),
                text: Some(definition.text().into()),
            }),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
    }
    text
}
