//! Reads a JSON object field by field. It remembers the path of each field for errors, and which
//! fields were read, to warn of unknown ones.

mod path;

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

pub(crate) use self::path::{Path, Scrutiny};
use crate::error::DefinitionError;
use crate::json::Json;
use crate::path_pattern::PathPattern;

/// The fields of one JSON object. A field that is `null` counts as missing, as in existing
/// definitions.
pub(crate) struct Fields<'json> {
    path: Rc<Path<'json>>,
    /// Their names and values.
    members: &'json [(Cow<'json, str>, Json<'json>)],
    /// Whether each of them was read.
    seen: Vec<bool>,
}

/// A string of the definition, with its path.
pub(crate) struct Text<'json> {
    pub(crate) path: Path<'json>,
    pub(crate) text: &'json str,
}

impl Text<'_> {
    /// Parses it; an error names the field.
    pub(crate) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, DefinitionError> {
        self.text
            .parse()
            .map_err(|reason| DefinitionError::field(&self.path, reason))
    }

    /// Parses it as a path pattern, whose expression is compiled at once only in a definition that
    /// is not bundled; an error names the field.
    pub(crate) fn pattern(&self) -> Result<PathPattern, DefinitionError> {
        if self.path.is_bundled() {
            self.check(PathPattern::unchecked)
        } else {
            self.parse()
        }
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
    /// The object at `path`.
    pub(crate) fn of(
        path: Path<'json>,
        value: &'json Json<'json>,
    ) -> Result<Self, DefinitionError> {
        match value {
            Json::Object(members) => Ok(Self {
                path: Rc::new(path),
                members,
                seen: vec![false; members.len()],
            }),
            _ => Err(DefinitionError::field(path, "it is not an object")),
        }
    }

    /// An object without fields at `path`.
    pub(crate) fn none(path: Path<'json>) -> Self {
        Self {
            path: Rc::new(path),
            members: &[],
            seen: Vec::new(),
        }
    }

    /// The path of a field.
    pub(crate) fn path_of(&self, name: &'json str) -> Path<'json> {
        Path::Field(Rc::clone(&self.path), name)
    }

    /// Whether the object is in a bundled definition.
    pub(crate) fn is_bundled(&self) -> bool {
        self.path.is_bundled()
    }

    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'json Json<'json>> {
        let index = self.members.iter().position(|(known, _)| known == name)?;
        if let Some(seen) = self.seen.get_mut(index) {
            *seen = true;
        }
        let (_, value) = self.members.get(index)?;
        (!matches!(value, Json::Null)).then_some(value)
    }

    /// Counts fields as read that have no effect, and need no warning.
    pub(crate) fn ignore(&mut self, names: &[&'static str]) {
        for name in names {
            self.value(name);
        }
    }

    pub(crate) fn object(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Fields<'json>>, DefinitionError> {
        self.value(name)
            .map(|value| Fields::of(self.path_of(name), value))
            .transpose()
    }

    pub(crate) fn text(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Text<'json>>, DefinitionError> {
        self.value(name)
            .map(|value| text_at(self.path_of(name), value))
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
            Some(Json::Flag(flag)) => Ok(*flag),
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
        self.each_text(name, Ok)
    }

    /// What `each` makes of a string, or of each in a list of strings.
    pub(crate) fn each_text<T>(
        &mut self,
        name: &'static str,
        each: impl Fn(Text<'json>) -> Result<T, DefinitionError>,
    ) -> Result<Vec<T>, DefinitionError> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(value) => each_at(self.path_of(name), value, each),
        }
    }

    /// A list of objects.
    pub(crate) fn objects(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<Fields<'json>>, DefinitionError> {
        let items = self.items(name)?.into_iter();
        items.map(|(path, item)| Fields::of(path, item)).collect()
    }

    /// The items of a list, each with its path.
    pub(crate) fn items(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<(Path<'json>, &'json Json<'json>)>, DefinitionError> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Json::List(items)) => {
                let list = Rc::new(self.path_of(name));
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| (Path::Item(Rc::clone(&list), index), item));
                Ok(items.collect())
            }
            Some(_) => Err(DefinitionError::field(
                self.path_of(name),
                "it is not a list",
            )),
        }
    }

    /// The names and values of an object whose names the definition chooses.
    pub(crate) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'json str, &'json Json<'json>)> + use<'json> {
        self.members.iter().map(|(name, value)| (&**name, value))
    }

    /// The same without what is missing (`null`) and without remarks. A name that begins with `_`
    /// is none of them here: it may be that of a variable.
    pub(crate) fn given(
        &self,
    ) -> impl Iterator<Item = (&'json str, &'json Json<'json>)> + use<'json> {
        let is_given = |(name, value): &(&str, &Json<'_>)| {
            !matches!(value, Json::Null) && !name.starts_with("//")
        };
        self.entries().filter(is_given)
    }

    /// Adds a warning for each field that was not read, but for remarks: `"_comment"`, `"//"`.
    pub(crate) fn warn_of_unknown(&self, warnings: &mut Vec<String>) {
        let unread = self.entries().zip(&self.seen).filter(|(_, seen)| !**seen);
        let unknown =
            unread.filter(|((name, value), _)| !matches!(value, Json::Null) && !is_remark(name));
        warnings.extend(unknown.map(|((name, _), _)| {
            format!(
                "`{}` is not a field that authsome knows: it has no effect",
                self.path_of(name)
            )
        }));
    }
}

/// The string at `path`.
pub(crate) fn text_at<'json>(
    path: Path<'json>,
    value: &'json Json<'json>,
) -> Result<Text<'json>, DefinitionError> {
    match value {
        Json::Text(text) => Ok(Text { path, text }),
        _ => Err(DefinitionError::field(path, "it is not a string")),
    }
}

/// The string or strings at `path`.
pub(crate) fn texts_at<'json>(
    path: Path<'json>,
    value: &'json Json<'json>,
) -> Result<Vec<Text<'json>>, DefinitionError> {
    each_at(path, value, Ok)
}

fn each_at<'json, T>(
    path: Path<'json>,
    value: &'json Json<'json>,
    each: impl Fn(Text<'json>) -> Result<T, DefinitionError>,
) -> Result<Vec<T>, DefinitionError> {
    match value {
        Json::Text(text) => Ok(vec![each(Text { path, text })?]),
        Json::List(items) => {
            let list = Rc::new(path);
            let mut found = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                found.push(each(text_at(Path::Item(Rc::clone(&list), index), item)?)?);
            }
            Ok(found)
        }
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
