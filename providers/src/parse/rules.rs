//! Parses `inject`, `carriers` and `headers`.

use crate::condition::Condition;
use crate::error::DefinitionError;
use crate::host::HostPattern;
use crate::path_pattern::PathPattern;
use crate::reader::{Fields, Text, text_at};
use crate::rules::{Carriers, InjectEntry};
use crate::shape::{self, Shape};
use crate::template::{Piece, Template};

/// `inject`. Without it, every path gets the default shape. `names` are the credential's fields.
pub(super) fn inject(
    fields: &mut Fields<'_>,
    default: Shape,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<InjectEntry>, DefinitionError> {
    if fields.value("inject").is_none() {
        return Ok(vec![InjectEntry::of(PathPattern::any(), default)]);
    }
    let mut rules = Vec::new();
    for mut entry in fields.objects("inject")? {
        rules.push(InjectEntry {
            pattern: entry.required("path")?.pattern()?,
            condition: condition(&mut entry)?,
            shape: shape(&mut entry, names)?,
            only_if_sent: only_if_sent(&mut entry)?,
            is_gits: entry.flag("git", false)?,
        });
        entry.warn_of_unknown(warnings);
    }
    Ok(rules)
}

/// `hosts`, `methods` and `query`, if the rule has one of them.
fn condition(entry: &mut Fields<'_>) -> Result<Option<Condition>, DefinitionError> {
    let (hosts, methods) = (hosts(entry)?, methods(entry)?);
    let mut query = Vec::new();
    if let Some(parameters) = entry.object("query")? {
        for (name, value) in parameters.entries() {
            let path = parameters.path_of(name);
            let value = text_at(path, value)?.text;
            query.push((name.to_owned(), value.to_owned()));
        }
    }
    let is_one = !hosts.is_empty() || !methods.is_empty() || !query.is_empty();
    let condition = Condition {
        hosts,
        methods,
        query,
    };
    Ok(is_one.then_some(condition))
}

pub(super) fn hosts(entry: &mut Fields<'_>) -> Result<Vec<HostPattern>, DefinitionError> {
    entry.each_text("hosts", |text| text.parse())
}

/// `when`: only `placeholder` is a condition; `always` is the same as nothing.
fn only_if_sent(entry: &mut Fields<'_>) -> Result<bool, DefinitionError> {
    match entry.text("when")? {
        None => Ok(false),
        Some(text) if text.text == "always" => Ok(false),
        Some(text) if text.text == "placeholder" => Ok(true),
        Some(text) => Err(DefinitionError::field(
            text.path,
            "it must be one of always, placeholder",
        )),
    }
}

fn shape(entry: &mut Fields<'_>, names: &[String]) -> Result<Shape, DefinitionError> {
    let kind = entry.required("as")?;
    match kind.text {
        "basic" => basic(entry, names),
        "bearer" => Ok(match field(entry, names)? {
            Some(template) => Shape::Headers {
                values: vec![("authorization".to_owned(), prefixed("Bearer ", &template))],
            },
            None => Shape::Bearer,
        }),
        "header" => header(entry, names),
        "headers" => Ok(Shape::Headers {
            values: values(entry, names, &|text| text.check(shape::header_name))?,
        }),
        "path" => Ok(Shape::Path {
            prefix: entry.required("prefix")?.check(shape::path_prefix)?,
        }),
        "query" if entry.value("values").is_some() => Ok(Shape::Query {
            values: values(entry, names, &|text| text.check(shape::query_name))?,
        }),
        "query" => {
            let name = entry.required("name")?.check(shape::query_name)?;
            let value = field(entry, names)?.unwrap_or_else(Template::credential);
            Ok(Shape::Query {
                values: vec![(name, value)],
            })
        }
        "sigv4" => Ok(Shape::SigV4),
        _ => Err(DefinitionError::field(
            kind.path,
            "it must be one of basic, bearer, header, headers, path, query, sigv4",
        )),
    }
}

/// The user name stands before the first colon, so none may be in it, and the password is the
/// credential unless the rule says otherwise.
fn basic(entry: &mut Fields<'_>, names: &[String]) -> Result<Shape, DefinitionError> {
    let username = entry.required("username")?;
    username.check(shape::basic_username)?;
    let password = entry.text("password")?;
    Ok(Shape::Basic {
        username: template(&username, names)?,
        password: match password {
            Some(text) => template(&text, names)?,
            None => Template::credential(),
        },
    })
}

fn header(entry: &mut Fields<'_>, names: &[String]) -> Result<Shape, DefinitionError> {
    let name = entry.required("name")?.check(shape::header_name)?;
    let prefix = entry
        .text("prefix")?
        .map(|text| text.check(shape::header_prefix))
        .transpose()?
        .unwrap_or_default();
    Ok(match field(entry, names)? {
        Some(template) => Shape::Headers {
            values: vec![(name, prefixed(&prefix, &template))],
        },
        None => Shape::Header { name, prefix },
    })
}

/// `field`: another part of the credential than the first.
fn field(entry: &mut Fields<'_>, names: &[String]) -> Result<Option<Template>, DefinitionError> {
    let other = entry.text("field")?.map(|text| {
        let written = format!("{{{}}}", text.text);
        Template::parse(&written, names).map_err(|error| DefinitionError::field(text.path, error))
    });
    other.transpose()
}

fn prefixed(prefix: &str, template: &Template) -> Template {
    let pieces = template.pieces().iter().cloned();
    Template::of(std::iter::once(Piece::Text(prefix.to_owned())).chain(pieces))
}

fn template(text: &Text<'_>, names: &[String]) -> Result<Template, DefinitionError> {
    text.check(|text| Template::parse(text, names))
}

/// `values`: names, and what each of them carries.
fn values(
    entry: &mut Fields<'_>,
    names: &[String],
    check: &dyn Fn(&Text<'_>) -> Result<String, DefinitionError>,
) -> Result<Vec<(String, Template)>, DefinitionError> {
    let path = entry.path_of("values");
    let Some(object) = entry.object("values")? else {
        return Err(DefinitionError::field(path, "it is missing"));
    };
    object
        .entries()
        .map(|(name, value)| {
            let path = object.path_of(name);
            let name = check(&Text {
                path: path.clone(),
                text: name,
            })?;
            Ok((name, template(&text_at(path, value)?, names)?))
        })
        .collect()
}

/// `headers`: fields that each request gets, unless it has them.
pub(super) fn headers(fields: &mut Fields<'_>) -> Result<Vec<(String, String)>, DefinitionError> {
    let Some(entries) = fields.object("headers")? else {
        return Ok(Vec::new());
    };
    let mut headers = Vec::new();
    for (name, value) in entries.given() {
        let path = entries.path_of(name);
        let written = Text {
            path: path.clone(),
            text: name,
        };
        let value = text_at(path, value)?.check(shape::header_prefix)?;
        headers.push((
            written.check(shape::header_name)?,
            value.trim_end().to_owned(),
        ));
    }
    Ok(headers)
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
pub(super) fn body_fields(
    entry: &mut Fields<'_>,
    name: &'static str,
) -> Result<Vec<String>, DefinitionError> {
    let field = |text: &str| match text {
        "" => Err("it is empty"),
        _ => Ok(text.to_owned()),
    };
    entry.each_text(name, |text| text.check(field))
}

pub(super) fn methods(entry: &mut Fields<'_>) -> Result<Vec<String>, DefinitionError> {
    let method = |text: &str| {
        let letters = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if letters {
            Ok(text.to_ascii_uppercase())
        } else {
            Err("it is not an HTTP method")
        }
    };
    entry.each_text("methods", |text| text.check(method))
}
