//! Parses `fields`, `api_key` and `params`: the parts of a credential, and of a place's name.

use super::export::variable;
use crate::error::DefinitionError;
use crate::field::{CredentialField, KeyPattern, PLACEHOLDER, Param};
use crate::reader::{Fields, Text};
use crate::whole_text::{About, WholeText};

/// The most fields that a credential may have, and the most parameters of a place: all are asked.
const MAX_FIELDS: usize = 8;

/// `fields`, the first secret one first. Empty if there are none.
pub(super) fn fields(
    definition: &mut Fields<'_>,
    placeholder: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<CredentialField>, DefinitionError> {
    let mut parts: Vec<CredentialField> = Vec::new();
    for mut entry in definition.objects("fields")? {
        let name = entry.required("name")?.check(field_name)?;
        let label = entry.text("label")?.map(|text| text.text.to_owned());
        let is_secret = entry.flag("secret", true)?;
        let own = entry.text("placeholder")?;
        let part = CredentialField {
            label: label.unwrap_or_else(|| name.clone()),
            is_secret,
            is_optional: entry.flag("optional", false)?,
            env_var: env_var(&mut entry)?,
            pattern: pattern(&mut entry, "pattern")?,
            hint: entry.text("hint")?.map(|text| text.text.to_owned()),
            placeholder: own.as_ref().map_or(placeholder, |own| own.text).to_owned(),
            name,
        };
        if let Some(own) = &own {
            check_placeholder(own, part.pattern.as_ref())?;
        }
        if parts.iter().any(|known| known.name == part.name) {
            return Err(DefinitionError::field(
                entry.path_of("name"),
                "two fields have this name",
            ));
        }
        entry.warn_of_unknown(warnings);
        parts.push(part);
    }
    let refuse = |reason| Err(DefinitionError::field("fields", reason));
    if parts.len() > MAX_FIELDS {
        return refuse("there are more than 8");
    }
    match parts.iter().position(|part| part.is_secret) {
        Some(first) => {
            let own = parts.remove(first);
            parts.insert(0, own);
            Ok(parts)
        }
        None if parts.is_empty() => Ok(parts),
        None => refuse("none of them is secret"),
    }
}

/// `api_key`: a credential of one part.
pub(super) fn single(
    entry: &mut Fields<'_>,
    placeholder: &str,
) -> Result<CredentialField, DefinitionError> {
    let pattern = pattern(entry, "key_pattern")?;
    // The usual one is known to fit nowhere: it stands for a key that nobody looks at. The tests
    // hold that those of bundled definitions fit.
    let is_known = placeholder == PLACEHOLDER || entry.is_bundled();
    let fits = |pattern: &KeyPattern| is_known || pattern.accepts(placeholder);
    if !pattern.as_ref().is_none_or(fits) {
        let reason = "it does not have the form of a key";
        return Err(DefinitionError::field("placeholder", reason));
    }
    Ok(CredentialField {
        name: "api_key".to_owned(),
        label: "API key".to_owned(),
        is_secret: true,
        is_optional: false,
        env_var: env_var(entry)?,
        pattern,
        hint: entry
            .text("key_pattern_hint")?
            .map(|text| text.text.to_owned()),
        placeholder: placeholder.to_owned(),
    })
}

/// `placeholder`: what stands for the credential. A program may put it anywhere, so it has only
/// characters that need no quoting in a shell, a URL or a header.
pub(super) fn placeholder(definition: &mut Fields<'_>) -> Result<String, DefinitionError> {
    let Some(text) = definition.text("placeholder")? else {
        return Ok(PLACEHOLDER.to_owned());
    };
    check_placeholder(&text, None)?;
    Ok(text.text.to_owned())
}

/// The shortest placeholder: a shorter one could stand in a request by chance.
const MIN_PLACEHOLDER: usize = 12;

fn check_placeholder(text: &Text<'_>, pattern: Option<&KeyPattern>) -> Result<(), DefinitionError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:!".contains(&byte);
    let refuse = |reason| Err(DefinitionError::field(&text.path, reason));
    if text.text.len() < MIN_PLACEHOLDER || !text.text.bytes().all(plain) {
        return refuse("it has at least 12 letters, digits and `-._:!`, and nothing else");
    }
    let is_bundled = text.path.is_bundled();
    if pattern.is_some_and(|pattern| !is_bundled && !pattern.accepts(text.text)) {
        return refuse("it does not have the form of a key");
    }
    Ok(())
}

/// `params`: what a place needs to be named.
pub(super) fn params(
    definition: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Param>, DefinitionError> {
    let Some(entries) = definition.object("params")? else {
        return Ok(Vec::new());
    };
    let mut params = Vec::new();
    for (name, value) in entries.entries() {
        let path = entries.path_of(name);
        let name = field_name(name).map_err(|reason| DefinitionError::field(&path, reason))?;
        let mut entry = Fields::of(path.clone(), value)?;
        let label = entry.text("label")?.map(|text| text.text.to_owned());
        let Some(pattern) = pattern(&mut entry, "pattern")? else {
            return Err(DefinitionError::field(
                entry.path_of("pattern"),
                "it is missing: any text could leave the domain",
            ));
        };
        let default = entry.text("default")?.map(|text| text.text.to_owned());
        let example = entry.text("example")?.map(|text| text.text.to_owned());
        let Some(example) = example.or_else(|| default.clone()) else {
            return Err(DefinitionError::field(
                entry.path_of("example"),
                "it is missing",
            ));
        };
        for shown in default.iter().chain([&example]) {
            if !path.is_bundled() && !pattern.accepts(shown) {
                let reason = format!("`{shown}` does not fit the pattern");
                return Err(DefinitionError::field(path, reason));
            }
        }
        entry.warn_of_unknown(warnings);
        params.push(Param {
            label: label.unwrap_or_else(|| name.clone()),
            name,
            pattern,
            example,
            default,
        });
    }
    if params.len() > MAX_FIELDS {
        return Err(DefinitionError::field("params", "there are more than 8"));
    }
    Ok(params)
}

fn env_var(entry: &mut Fields<'_>) -> Result<Option<String>, DefinitionError> {
    let named = entry.text("env_var")?;
    named.map(|text| text.check(variable)).transpose()
}

fn pattern(
    entry: &mut Fields<'_>,
    name: &'static str,
) -> Result<Option<KeyPattern>, DefinitionError> {
    entry.text(name)?.map(|text| key_pattern(&text)).transpose()
}

/// The pattern must match the whole key, as in existing definitions.
fn key_pattern(text: &Text<'_>) -> Result<KeyPattern, DefinitionError> {
    let pattern = WholeText::new(text.text, About::Key);
    if !text.path.is_bundled() {
        pattern.check().map_err(|reason| {
            let reason = format!("it is not a regular expression: {reason}");
            DefinitionError::field(&text.path, reason)
        })?;
    }
    Ok(KeyPattern(pattern))
}

/// The name of a field or parameter, which stands in braces elsewhere.
fn field_name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    match text {
        "refresh_token" | "base_url" => Err("this name means something else"),
        _ if text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.len() <= 40
            && text.bytes().all(plain) =>
        {
            Ok(text.to_owned())
        }
        // `{2}` is a part of many regular expressions.
        _ => Err("it has lower-case letters, digits and `_` only, a letter first"),
    }
}
