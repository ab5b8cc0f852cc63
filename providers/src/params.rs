//! Fills the parameters of a place into a definition.
//!
//! `{subdomain}` in any text of the definition is a parameter if the definition has one of that
//! name. The filled text is parsed like any other, so that what is checked is what is used.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::DefinitionError;
use crate::host::HostPattern;
use crate::parse;
use crate::provider::Provider;

/// The parameter that a token's response gives, if the definition says where it is.
pub const INSTANCE_URL: &str = "instance_url";

/// An example of each parameter.
pub(crate) fn examples(json: &Value) -> Result<BTreeMap<String, String>, DefinitionError> {
    let params = parse::params(json)?.into_iter();
    let mut values: BTreeMap<_, _> = params.map(|param| (param.name, param.example)).collect();
    if let Some(suffix) = json.pointer("/instance_url/suffix").and_then(Value::as_str) {
        values.insert(INSTANCE_URL.to_owned(), format!("instance.{suffix}"));
    }
    Ok(values)
}

/// The value of each parameter: the given one, or its default.
pub(crate) fn chosen(
    provider: &Provider,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, DefinitionError> {
    let mut values = BTreeMap::new();
    for param in &provider.params {
        let value = given.get(&param.name).or(param.default.as_ref());
        let Some(value) = value else {
            return Err(DefinitionError::ParamMissing {
                name: param.name.clone(),
                label: param.label.clone(),
                example: param.example.clone(),
            });
        };
        // A brace could begin another parameter.
        if !param.pattern.accepts(value) || value.contains(['{', '}']) {
            return Err(DefinitionError::ParamInvalid {
                name: param.name.clone(),
                label: param.label.clone(),
                example: param.example.clone(),
                value: value.clone(),
            });
        }
        values.insert(param.name.clone(), value.clone());
    }
    if let Some(instance) = &provider.instance_url {
        let example = format!("instance.{}", instance.suffix);
        let value = given.get(INSTANCE_URL).unwrap_or(&example).clone();
        if !is_below(&value, &instance.suffix) {
            return Err(DefinitionError::ParamInvalid {
                name: INSTANCE_URL.to_owned(),
                label: format!("host below {}", instance.suffix),
                example,
                value,
            });
        }
        values.insert(INSTANCE_URL.to_owned(), value);
    }
    Ok(values)
}

/// Whether the host is below that domain.
pub(crate) fn is_below(host: &str, domain: &str) -> bool {
    let Ok(HostPattern::Exact(normal)) = host.parse() else {
        return false;
    };
    let above = normal.strip_suffix(domain);
    normal == host && above.is_some_and(|above| above.len() > 1 && above.ends_with('.'))
}

/// The same definition with the values in the place of their names.
pub(crate) fn filled(json: &Value, values: &BTreeMap<String, String>) -> Value {
    if values.is_empty() {
        return json.clone();
    }
    match json {
        Value::String(text) => Value::String(fill(text, values)),
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(map) => {
            let of_places = |name: &String| matches!(name.as_str(), "params" | "instance_url");
            let entry = |(name, value): (&String, &Value)| {
                let value = if of_places(name) {
                    value.clone()
                } else {
                    filled(value, values)
                };
                (name.clone(), value)
            };
            Value::Object(map.iter().map(entry).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, value) in values {
        let written = format!("{{{name}}}");
        if text.contains(&written) {
            text = text.replace(&written, value);
        }
    }
    text
}
