//! A definition: a provider, and the text that it was parsed from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use json_comments::StripComments;
use serde::Deserialize;
use serde_json::Value;

use crate::bundled::Bundled;
use crate::error::DefinitionError;
use crate::json::Json;
use crate::params;
use crate::parse;
use crate::provider::Provider;
use crate::reader::Scrutiny;
use crate::rules::LaterGuards;
use crate::source::Source;

/// A provider, and the text that it was parsed from.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The parsed content, checked.
    pub provider: Arc<Provider>,
    /// Where it comes from.
    pub source: Source,
    /// Warnings about fields that have no effect.
    pub warnings: Vec<String>,
    text: Text,
}

/// The text of a definition.
#[derive(Clone, Debug)]
enum Text {
    /// The user's.
    Own(String),
    Bundled(&'static Bundled),
}

impl Definition {
    /// Parses a definition: JSON with comments.
    pub fn parse(text: &str, source: Source) -> Result<Self, DefinitionError> {
        let (provider, warnings) = with_json(text, |json| parsed(json, Scrutiny::Full, None))?;
        let text = Text::Own(text.to_owned());
        Ok(Self::of(provider, source, warnings, text))
    }

    /// Parses a definition that is bundled.
    pub(crate) fn bundled(bundled: &'static Bundled) -> Result<Self, DefinitionError> {
        let later = bundled.guards().map(parse::later_guards);
        let (provider, warnings) = with_json(bundled.json(), |json| {
            parsed(json, Scrutiny::Bundled, later)
        })?;
        let text = Text::Bundled(bundled);
        Ok(Self::of(provider, Source::Bundled, warnings, text))
    }

    fn of(provider: Provider, source: Source, warnings: Vec<String>, text: Text) -> Self {
        Self {
            provider: Arc::new(provider),
            source,
            warnings,
            text,
        }
    }

    /// The provider at a place: `values` are those of its parameters. A parameter that is not given
    /// has its default.
    ///
    /// The host that a token's response names is one of them,
    /// [`INSTANCE_URL`](crate::INSTANCE_URL).
    pub fn placed(
        &self,
        values: &BTreeMap<String, String>,
    ) -> Result<Arc<Provider>, DefinitionError> {
        if self.provider.params.is_empty() && self.provider.instance_url.is_none() {
            return match values.keys().next() {
                Some(name) => Err(self.unknown(name)),
                None => Ok(Arc::clone(&self.provider)),
            };
        }
        let chosen = params::chosen(&self.provider, values)?;
        let unknown = values.keys().find(|name| !chosen.contains_key(*name));
        if let Some(name) = unknown {
            return Err(self.unknown(name));
        }
        let params = self.provider.params.clone();
        with_json(&self.text(), |json| {
            let filled = params::filled(json, &chosen);
            // The values are the user's, and may stand in an expression.
            let (provider, _) = parse::provider(&filled, params, Scrutiny::Full, None)?;
            Ok(Arc::new(provider))
        })
    }

    fn unknown(&self, name: &str) -> DefinitionError {
        DefinitionError::ParamUnknown {
            provider: self.provider.id.to_string(),
            name: name.to_owned(),
        }
    }

    /// The JSON without comments. It has all fields in their order, unknown ones too, so that it
    /// can be edited as a custom definition.
    pub fn json(&self) -> Value {
        // The text has been read before, so this does not fail.
        let text = self.text();
        let json = read(&text).or_else(|_| read(&without_comments(&text)?));
        json.unwrap_or_default()
    }

    /// The original text, with its comments; that of a bundled definition has none.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.text {
            Text::Own(text) => Cow::Borrowed(text),
            Text::Bundled(bundled) => Cow::Owned(bundled.whole()),
        }
    }
}

/// The provider, and the warnings. Guard rules that are not in the JSON are parsed `later`.
fn parsed(
    json: &Json<'_>,
    scrutiny: Scrutiny,
    later: Option<LaterGuards>,
) -> Result<(Provider, Vec<String>), DefinitionError> {
    let (params, mut warnings) = parse::params(json, scrutiny)?;
    // Whatever depends on the place is checked with an example of it.
    let examples = params::examples(&params, json);
    let filled = params::filled(json, &examples);
    let (provider, more) = parse::provider(&filled, params, scrutiny, later)?;
    warnings.extend(more);
    Ok((provider, warnings))
}

/// Gives the JSON of a definition to `parse`. Most definitions have no comments, and a text that is
/// JSON as it stands has none.
fn with_json<T>(
    text: &str,
    parse: impl FnOnce(&Json<'_>) -> Result<T, DefinitionError>,
) -> Result<T, DefinitionError> {
    match serde_json::from_str(text) {
        Ok(json) => parse(&json),
        Err(_) => parse(&read(&without_comments(text)?)?),
    }
}

/// Replaces comments by spaces, so that errors have the lines and columns of the file.
fn without_comments(text: &str) -> Result<String, DefinitionError> {
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
    Ok(stripped)
}

fn read<'json, T: Deserialize<'json>>(json: &'json str) -> Result<T, DefinitionError> {
    serde_json::from_str(json).map_err(|error| {
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or(&message);
        DefinitionError::Syntax {
            line: error.line(),
            column: error.column(),
            reason: reason.to_owned(),
        }
    })
}
