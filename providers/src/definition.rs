//! A definition: a provider, and the text that it was parsed from.

use std::collections::BTreeMap;
use std::io::Read;

use json_comments::StripComments;
use serde_json::Value;

use crate::error::DefinitionError;
use crate::params;
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
        // Whatever depends on the place is checked with an example of it.
        let examples = params::examples(&json)?;
        let (provider, warnings) = parse::provider(&params::filled(&json, &examples))?;
        Ok(Self {
            provider,
            source,
            warnings,
            text: text.to_owned(),
            json,
        })
    }

    /// The provider at a place: `values` are those of its parameters. A parameter that is not given
    /// has its default.
    ///
    /// The host that a token's response names is one of them,
    /// [`INSTANCE_URL`](crate::INSTANCE_URL).
    pub fn placed(&self, values: &BTreeMap<String, String>) -> Result<Provider, DefinitionError> {
        if self.provider.params.is_empty() && self.provider.instance_url.is_none() {
            return match values.keys().next() {
                Some(name) => Err(self.unknown(name)),
                None => Ok(self.provider.clone()),
            };
        }
        let filled = params::chosen(&self.provider, values)?;
        let unknown = values.keys().find(|name| !filled.contains_key(*name));
        if let Some(name) = unknown {
            return Err(self.unknown(name));
        }
        Ok(parse::provider(&params::filled(&self.json, &filled))?.0)
    }

    fn unknown(&self, name: &str) -> DefinitionError {
        DefinitionError::ParamUnknown {
            provider: self.provider.id.to_string(),
            name: name.to_owned(),
        }
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
