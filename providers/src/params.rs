//! Fills the parameters of a place into a definition.
//!
//! `{subdomain}` in any text of the definition is a parameter if the definition has one of that
//! name. The filled text is parsed like any other, so that what is checked is what is used.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::DefinitionError;
use crate::field::Param;
use crate::host::HostPattern;
use crate::json::Json;
use crate::provider::Provider;

/// The parameter that a token's response gives, if the definition says where it is.
pub const INSTANCE_URL: &str = "instance_url";

/// An example of each parameter.
pub(crate) fn examples(params: &[Param], json: &Json<'_>) -> BTreeMap<String, String> {
    let params = params.iter();
    let example = |param: &Param| (param.name.clone(), param.example.clone());
    let mut values: BTreeMap<_, _> = params.map(example).collect();
    let instance = json.get("instance_url").and_then(|url| url.get("suffix"));
    if let Some(suffix) = instance.and_then(Json::as_str) {
        values.insert(INSTANCE_URL.to_owned(), format!("instance.{suffix}"));
    }
    values
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
pub(crate) fn filled<'json>(
    json: &'json Json<'json>,
    values: &BTreeMap<String, String>,
) -> Cow<'json, Json<'json>> {
    if values.is_empty() {
        Cow::Borrowed(json)
    } else {
        Cow::Owned(with(json, values))
    }
}

fn with<'json>(json: &'json Json<'json>, values: &BTreeMap<String, String>) -> Json<'json> {
    match json {
        Json::Text(text) => Json::Text(fill(text, values)),
        Json::List(items) => Json::List(items.iter().map(|item| with(item, values)).collect()),
        Json::Object(fields) => {
            let field = |(name, value): &'json (Cow<'json, str>, Json<'json>)| {
                let value = match &**name {
                    "params" | "instance_url" => value.clone(), // what says which places there are
                    _ => with(value, values),
                };
                (Cow::Borrowed(&**name), value)
            };
            Json::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

fn fill<'json>(text: &'json str, values: &BTreeMap<String, String>) -> Cow<'json, str> {
    let mut filled = Cow::Borrowed(text);
    for (name, value) in values {
        let written = format!("{{{name}}}");
        if filled.contains(&written) {
            filled = Cow::Owned(filled.replace(&written, value));
        }
    }
    filled
}
