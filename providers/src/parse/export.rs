//! Parses `export`, `placeholders` and `addresses`: names of environment variables.

use serde_json::Value;
use thiserror::Error;

use crate::error::DefinitionError;
use crate::provider::{Address, Export, ExportField};
use crate::reader::{Fields, text_at, texts_at};

/// `export`, in each of its forms: `{"VARIABLE": "ACCESS_TOKEN"}`, `{"access_token": "VARIABLE"}`
/// (or a list of variables), and either of them inside `env`.
pub(super) fn export(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Export>, DefinitionError> {
    let Some(mut entries) = fields.object("export")? else {
        return Ok(Vec::new());
    };
    if let Some(nested) = entries.object("env")? {
        entries.warn_of_unknown(warnings);
        return pairs(&nested);
    }
    pairs(&entries)
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
    for (name, value) in entries.entries() {
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

fn pairs(entries: &Fields<'_>) -> Result<Vec<Export>, DefinitionError> {
    let mut exports: Vec<Export> = Vec::new();
    for (name, value) in entries.entries().filter(|(_, value)| !value.is_null()) {
        for export in pair(&entries.path_of(name), name, value)? {
            if exports
                .iter()
                .any(|known| known.variable == export.variable)
            {
                return Err(DefinitionError::field(
                    entries.path_of(name),
                    format!("`{}` is exported twice", export.variable),
                ));
            }
            exports.push(export);
        }
    }
    Ok(exports)
}

/// Parses one entry. If its name is a field in lower case, the entry has the newer form, because no
/// variable is named `access_token`.
fn pair(path: &str, name: &str, value: &Value) -> Result<Vec<Export>, DefinitionError> {
    if let Ok(field) = name.parse::<ExportField>() {
        let variables = texts_at(path, value)?;
        return variables
            .iter()
            .map(|text| {
                Ok(Export {
                    field,
                    variable: text.check(variable)?,
                })
            })
            .collect();
    }
    let field = text_at(path.to_owned(), value)?
        .check(|text| text.to_ascii_lowercase().parse::<ExportField>())?;
    let variable = variable(name).map_err(|reason| DefinitionError::field(path, reason))?;
    Ok(vec![Export { field, variable }])
}
