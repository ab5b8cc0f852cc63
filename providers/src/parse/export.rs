//! Parses `export`, `placeholders` and `addresses`: names of environment variables.

use serde_json::Value;
use thiserror::Error;

use crate::error::DefinitionError;
use crate::provider::{Address, Export};
use crate::reader::{Fields, text_at, texts_at};
use crate::template::Template;
use crate::words::ExportField;

/// `export`, in each of its forms: `{"VARIABLE": "ACCESS_TOKEN"}`, `{"access_token": "VARIABLE"}`
/// (or a list of variables), and either of them inside `env`. Kept definitions of the Python
/// program have an `env`, even an empty one, beside the variables themselves.
pub(super) fn export(
    fields: &mut Fields<'_>,
    names: &[String],
) -> Result<Vec<Export>, DefinitionError> {
    let mut exports: Vec<Export> = Vec::new();
    for Entry { path, name, value } in entries(fields)? {
        for export in pair(&path, name, value, names)? {
            if exports
                .iter()
                .any(|known| known.variable == export.variable)
            {
                let reason = format!("`{}` is exported twice", export.variable);
                return Err(DefinitionError::field(path, reason));
            }
            exports.push(export);
        }
    }
    Ok(exports)
}

pub(super) fn placeholders(fields: &mut Fields<'_>) -> Result<Vec<String>, DefinitionError> {
    fields
        .texts("placeholders")?
        .iter()
        .map(|text| text.check(variable))
        .collect()
}

/// `addresses`: `{"VARIABLE": "/path"}`, where the path is relative to the base URL.
pub(super) fn addresses(fields: &mut Fields<'_>) -> Result<Vec<Address>, DefinitionError> {
    let Some(entries) = fields.object("addresses")? else {
        return Ok(Vec::new());
    };
    let mut addresses = Vec::new();
    for (name, value) in entries.given() {
        let path = entries.path_of(name);
        let variable = variable(name).map_err(|reason| DefinitionError::field(&path, reason))?;
        let below = text_at(path.clone(), value)?.text;
        if !(below.is_empty() || below.starts_with('/')) {
            return Err(DefinitionError::field(
                path,
                "it is a path below the base URL, and starts with `/`",
            ));
        }
        addresses.push(Address {
            variable,
            path: below.to_owned(),
        });
    }
    Ok(addresses)
}

/// `environment`: variables with values that anybody may see, fields of the credential included.
pub(super) fn environment(
    fields: &mut Fields<'_>,
    names: &[String],
) -> Result<Vec<(String, Template)>, DefinitionError> {
    let Some(entries) = fields.object("environment")? else {
        return Ok(Vec::new());
    };
    let pair = |(name, value): (&String, &Value)| {
        let path = entries.path_of(name);
        let variable = variable(name).map_err(|reason| DefinitionError::field(&path, reason))?;
        let value = text_at(path, value)?.check(|text| Template::parse(text, names))?;
        Ok((variable, value))
    };
    entries.given().map(pair).collect()
}

/// A name that every shell can set.
pub(super) fn variable(text: &str) -> Result<String, VariableError> {
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts_well
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        Ok(text.to_owned())
    } else {
        Err(VariableError(()))
    }
}

#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("a variable's name has letters, digits and `_` only, and does not start with a digit")]
pub(super) struct VariableError(());

/// A member of `export` or of `export.env`.
struct Entry<'json> {
    path: String,
    name: &'json str,
    value: &'json Value,
}

fn entries<'json>(fields: &mut Fields<'json>) -> Result<Vec<Entry<'json>>, DefinitionError> {
    let Some(mut outer) = fields.object("export")? else {
        return Ok(Vec::new());
    };
    let inner = outer.object("env")?;
    let inner = inner.iter().flat_map(members);
    let outer = members(&outer).filter(|entry| entry.name != "env");
    Ok(inner.chain(outer).collect())
}

fn members<'json>(object: &Fields<'json>) -> impl Iterator<Item = Entry<'json>> {
    object.given().map(|(name, value)| Entry {
        path: object.path_of(name),
        name,
        value,
    })
}

/// Parses one entry. If its name is a field in lower case, the entry has the newer form, because no
/// variable is named `access_token`.
fn pair(
    path: &str,
    name: &str,
    value: &Value,
    names: &[String],
) -> Result<Vec<Export>, DefinitionError> {
    let is_field = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_field && let Ok(field) = ExportField::named(name, names) {
        let variables = texts_at(path, value)?;
        return variables
            .iter()
            .map(|text| {
                Ok(Export {
                    field: field.clone(),
                    variable: text.check(variable)?,
                })
            })
            .collect();
    }
    let field = text_at(path.to_owned(), value)?.check(|text| ExportField::named(text, names))?;
    let variable = variable(name).map_err(|reason| DefinitionError::field(path, reason))?;
    Ok(vec![Export { field, variable }])
}
