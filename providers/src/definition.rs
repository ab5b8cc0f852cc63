//! A definition: a provider, and the text that it was parsed from.

use std::io::Read;

use json_comments::StripComments;
use serde_json::Value;

use crate::error::DefinitionError;
use crate::parse;
use crate::provider::Provider;
use crate::source::Source;

/// A provider, and the text that it was parsed from.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The parsed content, checked.
    pub provider: Provider,
    /// Where it comes from.
    pub source: Source,
    /// Warnings about fields that have no effect.
    pub warnings: Vec<String>,
    text: String,
    json: Value,
}

impl Definition {
    /// Parses a definition: JSON with comments.
    pub fn parse(text: &str, source: Source) -> Result<Self, DefinitionError> {
        let json = parse_json(text)?;
        let (provider, warnings) = parse::provider(&json)?;
        Ok(Self {
            provider,
            source,
            warnings,
            text: text.to_owned(),
            json,
        })
    }

    /// The JSON without comments. It has all fields in their order, unknown ones too, so that it
    /// can be edited as a custom definition.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The original text, with its comments.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Replaces comments by spaces first, so that errors have the lines and columns of the file.
fn parse_json(text: &str) -> Result<Value, DefinitionError> {
    let mut stripped = String::with_capacity(text.len());
    if StripComments::new(text.as_bytes())
        .read_to_string(&mut stripped)
        .is_err()
    {
        return Err(DefinitionError::Syntax {
            line: text.lines().count().max(1),
            column: 1,
            reason: "a string or comment does not end, or a `/` stands alone".to_owned(),
        });
    }
    serde_json::from_str(&stripped).map_err(|error| {
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or(&message);
        DefinitionError::Syntax {
            line: error.line(),
            column: error.column(),
            reason: reason.to_owned(),
        }
    })
}
