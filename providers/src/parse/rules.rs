//! Parses `inject`, `carriers` and `guard`.

use crate::condition::Condition;
use crate::error::DefinitionError;
use crate::path_pattern::PathPattern;
use crate::reader::{Fields, text_at};
use crate::rules::{Carriers, GuardRule};
use crate::shape::{self, Shape};

/// `inject`. Without it, every path gets the default shape.
pub(super) fn inject(
    fields: &mut Fields<'_>,
    default: Shape,
    warnings: &mut Vec<String>,
) -> Result<Vec<(PathPattern, Option<Condition>, Shape)>, DefinitionError> {
    if fields.value("inject").is_none() {
        return Ok(vec![(PathPattern::any(), None, default)]);
    }
    let mut rules = Vec::new();
    for mut entry in fields.objects("inject")? {
        let pattern = entry.required("path")?.parse()?;
        rules.push((pattern, condition(&mut entry)?, shape(&mut entry)?));
        entry.warn_of_unknown(warnings);
    }
    Ok(rules)
}

/// `methods` and `query`, if the rule has either.
fn condition(entry: &mut Fields<'_>) -> Result<Option<Condition>, DefinitionError> {
    let methods = methods(entry)?;
    let mut query = Vec::new();
    if let Some(parameters) = entry.object("query")? {
        for (name, value) in parameters.entries() {
            let path = parameters.path_of(name);
            let value = text_at(path, value)?.text;
            query.push((name.clone(), value.to_owned()));
        }
    }
    let is_one = !methods.is_empty() || !query.is_empty();
    Ok(is_one.then_some(Condition { methods, query }))
}

fn shape(entry: &mut Fields<'_>) -> Result<Shape, DefinitionError> {
    let kind = entry.required("as")?;
    match kind.text {
        "basic" => Ok(Shape::Basic {
            username: entry.required("username")?.check(shape::basic_username)?,
        }),
        "bearer" => Ok(Shape::Bearer),
        "header" => {
            let name = entry.required("name")?.check(shape::header_name)?;
            let prefix = entry
                .text("prefix")?
                .map(|text| text.check(shape::header_prefix))
                .transpose()?;
            Ok(Shape::Header {
                name,
                prefix: prefix.unwrap_or_default(),
            })
        }
        "query" => Ok(Shape::Query {
            name: entry.required("name")?.check(shape::query_name)?,
        }),
        _ => Err(DefinitionError::field(
            kind.path,
            "it must be one of basic, bearer, header, query",
        )),
    }
}

pub(super) fn carriers(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Carriers, DefinitionError> {
    let Some(mut entry) = fields.object("carriers")? else {
        return Ok(Carriers::default());
    };
    let headers = entry.texts("headers")?;
    let query = entry.texts("query")?;
    let form = body_fields(&mut entry, "form")?;
    let json = body_fields(&mut entry, "json")?;
    entry.warn_of_unknown(warnings);
    Ok(Carriers {
        form,
        json,
        headers: headers
            .iter()
            .map(|text| text.check(shape::header_name))
            .collect::<Result<_, _>>()?,
        query: query
            .iter()
            .map(|text| text.check(shape::query_name))
            .collect::<Result<_, _>>()?,
    })
}

/// The names of body fields. In a form or a JSON object a name may have any character.
fn body_fields(entry: &mut Fields<'_>, name: &'static str) -> Result<Vec<String>, DefinitionError> {
    let field = |text: &str| match text {
        "" => Err("it is empty"),
        _ => Ok(text.to_owned()),
    };
    let names = entry.texts(name)?;
    names.iter().map(|text| text.check(field)).collect()
}

pub(super) fn guards(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<GuardRule>, DefinitionError> {
    let mut guards: Vec<GuardRule> = Vec::new();
    for mut entry in fields.objects("guard")? {
        let name = entry.required("name")?;
        let guard = GuardRule {
            name: name.check(guard_name)?,
            reason: entry.required("reason")?.text.to_owned(),
            methods: methods(&mut entry)?,
            pattern: entry.required("path")?.parse()?,
        };
        guards.push(guard);
        entry.warn_of_unknown(warnings);
    }
    Ok(guards)
}

/// The name by which the user allows a rule on the command line. Several rules may share one.
fn guard_name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a rule's name has lower-case letters, digits and `-` only")
    }
}

fn methods(entry: &mut Fields<'_>) -> Result<Vec<String>, DefinitionError> {
    let method = |text: &str| {
        let letters = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if letters {
            Ok(text.to_ascii_uppercase())
        } else {
            Err("it is not an HTTP method")
        }
    };
    entry
        .texts("methods")?
        .iter()
        .map(|text| text.check(method))
        .collect()
}
