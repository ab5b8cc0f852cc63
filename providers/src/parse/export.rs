//! Parses `export`, `placeholders` and `environment`: variables, and what they hold.

use thiserror::Error;

use crate::error::DefinitionError;
use crate::json::Json;
use crate::provider::Export;
use crate::reader::{Fields, Path, text_at, texts_at};
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
    for entry in entries(fields)? {
        if entry.address(names).is_some() {
            continue;
        }
        let Entry { path, name, value } = entry;
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

/// `environment`: variables with values that anybody may see, fields of the credential included.
pub(super) fn environment(
    fields: &mut Fields<'_>,
    names: &[String],
) -> Result<Vec<(String, Template)>, DefinitionError> {
    let Some(entries) = fields.object("environment")? else {
        return Ok(Vec::new());
    };
    let pair = |(name, value)| {
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
pub(super) struct Entry<'json> {
    pub(super) path: Path<'json>,
    pub(super) name: &'json str,
    value: &'json Json<'json>,
}

/// An address that older definitions export among the parts of the credential.
pub(super) enum ExportedAddress {
    /// `API_URL`.
    Api,
    /// `BASE_URL`.
    Instance,
}

impl Entry<'_> {
    /// The address that the variable is to hold, if it is to hold one. `names` are the credential's
    /// fields: one of them may have the same name.
    pub(super) fn address(&self, names: &[String]) -> Option<ExportedAddress> {
        let word = self.value.as_str()?.to_ascii_lowercase();
        match word.as_str() {
            _ if names.contains(&word) => None,
            "api_url" => Some(ExportedAddress::Api),
            "base_url" => Some(ExportedAddress::Instance),
            _ => None,
        }
    }
}

pub(super) fn entries<'json>(
    fields: &mut Fields<'json>,
) -> Result<Vec<Entry<'json>>, DefinitionError> {
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
fn pair<'json>(
    path: &Path<'json>,
    name: &str,
    value: &'json Json<'json>,
    names: &[String],
) -> Result<Vec<Export>, DefinitionError> {
    let is_field = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_field && let Ok(field) = ExportField::named(name, names) {
        let variables = texts_at(path.clone(), value)?;
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
    let field = text_at(path.clone(), value)?.check(|text| ExportField::named(text, names))?;
    let variable = variable(name).map_err(|reason| DefinitionError::field(path, reason))?;
    Ok(vec![Export { field, variable }])
}
