//! What a connection was made with, sealed together with it: its routes, its definition and the
//! guards that were lifted. If the definition is changed later, by anybody who can write the file,
//! the change cannot send a stored credential to more hosts, nor allow what was denied, until the
//! user logs in again.

use std::fmt::Write;
use std::sync::Arc;

use authsome_providers::{Definition, RoutePattern, Service, Source};
use aws_lc_rs::digest::{SHA256, digest};

/// What a connection was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its credential goes to no other routes than these.
    pub routes: Vec<RoutePattern>,
    /// The definition of its provider.
    pub definition: DefinitionUsed,
    /// The names of the provider's guard rules that were lifted at that time.
    pub allowed_guards: Vec<String>,
}

/// Which definition a connection was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionUsed {
    /// The one that is bundled with authsome, whatever its version.
    Bundled,
    /// One that the user wrote.
    Custom(CustomDefinition),
}

/// A definition that the user wrote.
#[derive(Clone, Debug)]
pub struct CustomDefinition {
    /// SHA-256 of its text, in hexadecimal; the vault stores the text under this digest.
    pub digest: String,
    /// The text, as long as it is not stored yet.
    pub text: Option<Arc<str>>,
}

impl PartialEq for CustomDefinition {
    fn eq(&self, other: &Self) -> bool {
        // The text is not compared, since it is there only until it is stored.
        self.digest == other.digest
    }
}

impl Eq for CustomDefinition {}

impl Terms {
    /// The terms of a connection that is made now.
    pub fn new(definition: &Definition, service: &Service, allowed_guards: Vec<String>) -> Self {
        Self {
            routes: service.routes.clone(),
            definition: DefinitionUsed::of(definition),
            allowed_guards,
        }
    }
}

/// The digest of a definition's text, under which the vault keeps it.
pub(super) fn digest_of(text: &str) -> String {
    hexadecimal(digest(&SHA256, text.as_bytes()).as_ref())
}

impl DefinitionUsed {
    /// That definition, by its source.
    pub fn of(definition: &Definition) -> Self {
        match definition.source {
            Source::Bundled => Self::Bundled,
            Source::Custom(_) => {
                let text = definition.text();
                Self::Custom(CustomDefinition {
                    digest: digest_of(&text),
                    text: Some(text.into()),
                })
            }
        }
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
    }
    text
}
