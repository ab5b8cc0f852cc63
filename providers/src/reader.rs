//! Reads a JSON object field by field. It remembers the path of each field for errors, and which
//! fields were read, to warn of unknown ones.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::DefinitionError;

/// The fields of one JSON object. A field that is `null` counts as missing, as in existing
/// definitions.
pub(crate) struct Fields<'json> {
    path: String,
    map: &'json Map<String, Value>,
    seen: Vec<&'static str>,
}

/// A string of the definition, with its path.
pub(crate) struct Text<'json> {
    pub(crate) path: String,
    pub(crate) text: &'json str,
}

impl Text<'_> {
    /// Parses it; an error names the field.
    pub(crate) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, DefinitionError> {
        self.text
            .parse()
            .map_err(|reason| DefinitionError::field(&self.path, reason))
    }

    /// Checks it with `check`; an error names the field.
    pub(crate) fn check<T, E: fmt::Display>(
        &self,
        check: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, DefinitionError> {
        check(self.text).map_err(|reason| DefinitionError::field(&self.path, reason))
    }
}

impl<'json> Fields<'json> {
    /// The object at `path` (`""` for the whole definition).
    pub(crate) fn of(
        path: impl Into<String>,
        value: &'json Value,
    ) -> Result<Self, DefinitionError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self {
                path,
                map,
                seen: Vec::new(),
            }),
            _ => Err(DefinitionError::field(
                path_or_top(&path),
                "it is not an object",
            )),
        }
    }

    /// The path of a field.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'json Value> {
        self.seen.push(name);
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Counts fields as read that have no effect, and need no warning.
    pub(crate) fn ignore(&mut self, names: &[&'static str]) {
        self.seen.extend(names);
    }

    pub(crate) fn object(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Fields<'json>>, DefinitionError> {
        let path = self.path_of(name);
        self.value(name)
            .map(|value| Fields::of(path, value))
            .transpose()
    }

    pub(crate) fn text(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Text<'json>>, DefinitionError> {
        let path = self.path_of(name);
        self.value(name)
            .map(|value| text_at(path, value))
            .transpose()
    }

    pub(crate) fn required(&mut self, name: &'static str) -> Result<Text<'json>, DefinitionError> {
        self.text(name)?
            .ok_or_else(|| DefinitionError::field(self.path_of(name), "it is missing"))
    }

    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, DefinitionError> {
        self.text(name)?.map(|text| text.parse()).transpose()
    }

    pub(crate) fn flag(
        &mut self,
        name: &'static str,
        default: bool,
    ) -> Result<bool, DefinitionError> {
        match self.value(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(DefinitionError::field(
                self.path_of(name),
                "it is neither true nor false",
            )),
        }
    }

    /// A string, or a list of strings.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<Text<'json>>, DefinitionError> {
        let path = self.path_of(name);
        self.value(name)
            .map_or_else(|| Ok(Vec::new()), |value| texts_at(&path, value))
    }

    /// A list of objects.
    pub(crate) fn objects(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<Fields<'json>>, DefinitionError> {
        let path = self.path_of(name);
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Fields::of(format!("{path}[{index}]"), item))
                .collect(),
            Some(_) => Err(DefinitionError::field(path, "it is not a list")),
        }
    }

    /// The names and values of an object whose names the definition chooses.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'json String, &'json Value)> {
        self.map.iter()
    }

    /// The same without what is missing (`null`) and without remarks. A name that begins with `_`
    /// is none of them here: it may be that of a variable.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'json String, &'json Value)> {
        let is_given =
            |(name, value): &(&String, &Value)| !value.is_null() && !name.starts_with("//");
        self.entries().filter(is_given)
    }

    /// Adds a warning for each field that was not read, but for remarks: `"_comment"`, `"//"`.
    pub(crate) fn warn_of_unknown(&self, warnings: &mut Vec<String>) {
        let unknown = self
            .map
            .iter()
            .filter(|(name, value)| !value.is_null() && !is_remark(name))
            .filter(|(name, _)| !self.seen.contains(&name.as_str()));
        warnings.extend(unknown.map(|(name, _)| {
            format!(
                "`{}` is not a field that authsome knows: it has no effect",
                self.path_of(name)
            )
        }));
    }
}

/// The string at `path`.
pub(crate) fn text_at(path: String, value: &Value) -> Result<Text<'_>, DefinitionError> {
    match value {
        Value::String(text) => Ok(Text { path, text }),
        _ => Err(DefinitionError::field(path, "it is not a string")),
    }
}

/// The string or strings at `path`.
pub(crate) fn texts_at<'json>(
    path: &str,
    value: &'json Value,
) -> Result<Vec<Text<'json>>, DefinitionError> {
    match value {
        Value::String(text) => Ok(vec![Text {
            path: path.to_owned(),
            text,
        }]),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| text_at(format!("{path}[{index}]"), item))
            .collect(),
        _ => Err(DefinitionError::field(
            path,
            "it is neither a string nor a list of strings",
        )),
    }
}

/// Whether the field is for human readers of the definition: JSON itself has no comments.
fn is_remark(name: &str) -> bool {
    name.starts_with('_') || name.starts_with("//")
}

fn path_or_top(path: &str) -> &str {
    if path.is_empty() {
        "the definition"
    } else {
        path
    }
}
