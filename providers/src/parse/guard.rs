//! Parses `guard`: what is denied, by its path, by what else a request sends, or inside of a
//! GraphQL document; and what has to be known of the server for that.

use super::rules::{body_fields, hosts, methods};
use crate::error::DefinitionError;
use crate::json::Json;
use crate::path_pattern::PathPattern;
use crate::reader::{Fields, Path, Scrutiny, Text};
use crate::rules::{GraphqlEndpoint, GraphqlNames, GuardRule, SentNames, ServerReading};
use crate::shape;

/// How the server reads requests: `graphql` and `method_field`.
pub(super) fn reading(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<ServerReading, DefinitionError> {
    let not_empty = |text: &str| match text {
        "" => Err("it is empty"),
        _ => Ok(text.to_owned()),
    };
    let method_field = fields.text("method_field")?;
    Ok(ServerReading {
        graphql: graphql(fields, warnings)?,
        method_field: method_field.map(|text| text.check(not_empty)).transpose()?,
    })
}

/// `graphql`: where the service takes GraphQL documents.
fn graphql(
    fields: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<GraphqlEndpoint>, DefinitionError> {
    let mut endpoints = Vec::new();
    for mut entry in fields.objects("graphql")? {
        endpoints.push(GraphqlEndpoint {
            hosts: hosts(&mut entry)?,
            pattern: entry.required("path")?.pattern()?,
        });
        entry.warn_of_unknown(warnings);
    }
    Ok(endpoints)
}

/// `guard`. Rules with `graphql` need an endpoint, or they would deny nothing.
pub(super) fn guards(
    fields: &mut Fields<'_>,
    has_endpoints: bool,
    warnings: &mut Vec<String>,
) -> Result<Vec<GuardRule>, DefinitionError> {
    let entries = fields.objects("guard")?;
    let mut guards = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let graphql = names(&mut entry, has_endpoints, warnings)?;
        let path = entry.text("path")?;
        let pattern = match (path, &graphql) {
            (Some(path), None) => path.pattern()?,
            (None, Some(_)) => PathPattern::any(),
            (Some(_), Some(_)) => {
                let path = entry.path_of("graphql");
                return Err(DefinitionError::field(path, "a rule has it or `path`"));
            }
            (None, None) => entry.required("path")?.pattern()?,
        };
        let name = entry.required("name")?;
        guards.push(GuardRule {
            name: name.check(guard_name)?,
            reason: entry.required("reason")?.text.to_owned(),
            methods: by_path(&mut entry, "methods", graphql.is_some(), methods)?,
            hosts: by_path(&mut entry, "hosts", graphql.is_some(), hosts)?,
            sends: sends(&mut entry, graphql.is_some(), warnings)?,
            graphql,
            pattern,
        });
        entry.warn_of_unknown(warnings);
    }
    Ok(guards)
}

/// The rules of a bundled definition, from the JSON of their list. The tests parse all of them, so
/// none is wrong. If one were, everything would be denied: without its rules, a service would be
/// open to what they deny.
pub(super) fn bundled(rules: &'static str) -> Vec<GuardRule> {
    let parse = |list| {
        let object = Json::Object(vec![("guard".into(), list)]);
        let mut fields = Fields::of(Path::Top(Scrutiny::Bundled), &object)?;
        guards(&mut fields, true, &mut Vec::new())
    };
    let parsed = match serde_json::from_str(rules) {
        Ok(list) => parse(list).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    parsed.unwrap_or_else(|error| vec![unreadable(&error)])
}

/// The rule that stands for rules which cannot be read.
fn unreadable(error: &str) -> GuardRule {
    GuardRule {
        name: "unreadable".to_owned(),
        reason: format!("the guard rules of this provider cannot be read: {error}"),
        methods: Vec::new(),
        hosts: Vec::new(),
        sends: None,
        graphql: None,
        pattern: PathPattern::any(),
    }
}

/// A condition of rules by path. In another rule it would look as if it narrowed something.
fn by_path<T>(
    entry: &mut Fields<'_>,
    name: &'static str,
    is_graphql: bool,
    parse: fn(&mut Fields<'_>) -> Result<Vec<T>, DefinitionError>,
) -> Result<Vec<T>, DefinitionError> {
    if is_graphql && entry.value(name).is_some() {
        let path = entry.path_of(name);
        return Err(DefinitionError::field(
            path,
            "a rule with `graphql` has none",
        ));
    }
    parse(entry)
}

/// `graphql` of a rule: mutations and fields.
fn names(
    entry: &mut Fields<'_>,
    has_endpoints: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<GraphqlNames>, DefinitionError> {
    let path = entry.path_of("graphql");
    let Some(mut graphql) = entry.object("graphql")? else {
        return Ok(None);
    };
    let checked = |texts: Vec<Text<'_>>| {
        let names = texts.into_iter().map(|text| text.check(field_name));
        names.collect::<Result<Vec<_>, DefinitionError>>()
    };
    let names = GraphqlNames {
        mutations: checked(graphql.texts("mutations")?)?,
        fields: checked(graphql.texts("fields")?)?,
    };
    graphql.warn_of_unknown(warnings);
    if names == GraphqlNames::default() {
        return Err(DefinitionError::field(path, "it names nothing"));
    }
    if !has_endpoints {
        let why = "the definition does not say where documents are taken (`graphql`)";
        return Err(DefinitionError::field(path, why));
    }
    Ok(Some(names))
}

/// `sends` of a rule: header fields, parameters of the query, fields of a body.
fn sends(
    entry: &mut Fields<'_>,
    is_graphql: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<SentNames>, DefinitionError> {
    let path = entry.path_of("sends");
    let Some(mut sends) = entry.object("sends")? else {
        return Ok(None);
    };
    if is_graphql {
        return Err(DefinitionError::field(
            path,
            "a rule with `graphql` has none",
        ));
    }
    let checked = |texts: Vec<Text<'_>>, check: fn(&str) -> Result<String, shape::ShapeError>| {
        let names = texts.into_iter().map(|text| text.check(check));
        names.collect::<Result<Vec<_>, DefinitionError>>()
    };
    let names = SentNames {
        headers: checked(sends.texts("headers")?, shape::header_name)?,
        query: checked(sends.texts("query")?, shape::query_name)?,
        body: body_fields(&mut sends, "body")?,
    };
    sends.warn_of_unknown(warnings);
    if names == SentNames::default() {
        return Err(DefinitionError::field(path, "it names nothing"));
    }
    Ok(Some(names))
}

/// A name (GraphQL specification §2.1.9).
fn field_name(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = text
        .bytes()
        .next()
        .is_some_and(|byte| !byte.is_ascii_digit());
    if begins_well && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("it is not a name in GraphQL")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_rules_that_cannot_be_read_deny_everything() {
        for wrong in ["", "[", "{}", r#"[{"name": "x"}]"#] {
            let rules = bundled(wrong);
            let [rule] = rules.as_slice() else {
                panic!("{wrong}: {rules:?}");
            };
            assert!(
                rule.pattern.matches("/any/path") && rule.is_by_path(),
                "{wrong}"
            );
            assert!(rule.methods.is_empty() && rule.hosts.is_empty(), "{wrong}");
        }
        assert_eq!(
            bundled(r#"[{"name": "x", "path": "/x", "reason": "why"}]"#)[0].name,
            "x"
        );
    }
}
