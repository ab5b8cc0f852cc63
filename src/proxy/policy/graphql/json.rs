//! Documents in JSON: one operation, or a list of them ("batching").

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::verdict::Unreadable;
use crate::proxy::limits::MAX_GRAPHQL_BATCH;

/// What follows the specification of GraphQL over HTTP, and nothing else: a name that is there
/// twice, a name that a server could give a meaning, or bytes behind the end are refused.
pub(super) fn documents(text: &str) -> Result<Vec<String>, Unreadable> {
    let body: Body = serde_json::from_str(text).map_err(|_| Unreadable::Malformed("JSON"))?;
    let operations = match body {
        Body::One(operation) => vec![operation],
        Body::Batch(operations) if operations.is_empty() => return Err(Unreadable::NoDocument),
        Body::Batch(operations) => operations,
    };
    if operations.len() > MAX_GRAPHQL_BATCH {
        return Err(Unreadable::TooMany);
    }
    operations.into_iter().map(Operation::document).collect()
}

/// Whether a field or a parameter of that name stands for a document that the server has: the names
/// that the known servers and clients use.
pub(super) fn is_id(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "id",
        "docid",
        "documentid",
        "hash",
        "persistedquery",
        "persistedqueryid",
        "queryid",
        "sha256hash",
        "querysha",
    ];
    let bare = name.replace(['_', '-'], "").to_ascii_lowercase();
    NAMES.contains(&bare.as_str())
}

/// Refuses `extensions` that name a stored document, even beside a document: which of them runs,
/// the server decides.
pub(super) fn check_extensions(text: &str) -> Result<(), Unreadable> {
    let value: Value = serde_json::from_str(text).map_err(|_| Unreadable::Malformed("JSON"))?;
    refuse_persisted(&value)
}

fn refuse_persisted(extensions: &Value) -> Result<(), Unreadable> {
    match extensions {
        Value::Object(map) if map.keys().any(|name| is_id(name)) => Err(Unreadable::Persisted),
        Value::Null | Value::Object(_) => Ok(()),
        _ => Err(Unreadable::Malformed("a GraphQL request")),
    }
}

enum Body {
    One(Operation),
    /// At most one more than [`MAX_GRAPHQL_BATCH`]; the others are not kept.
    Batch(Vec<Operation>),
}

/// One operation, as it is sent.
#[derive(Default)]
struct Operation {
    query: Option<String>,
    /// What is wrong with it, if something is that JSON itself allows.
    refused: Option<Unreadable>,
}

impl Operation {
    fn document(self) -> Result<String, Unreadable> {
        match (self.refused, self.query) {
            (Some(why), _) => Err(why),
            (None, Some(query)) => Ok(query),
            (None, None) => Err(Unreadable::NoDocument),
        }
    }

    fn read<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let (mut operation, mut seen) = (Self::default(), Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            let why = match name.as_str() {
                _ if seen.contains(&name) => {
                    map.next_value::<IgnoredAny>()?;
                    Err(Unreadable::Ambiguous("a field is there twice"))
                }
                "query" => {
                    operation.query = map.next_value()?;
                    Ok(())
                }
                "operationName" => map.next_value::<Option<String>>().map(|_| Ok(()))?,
                "variables" => map.next_value::<IgnoredAny>().map(|_| Ok(()))?,
                "extensions" => refuse_persisted(&map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    Err(unknown(&name))
                }
            };
            operation.refused = operation.refused.or(why.err());
            // One that is refused needs no more names, of which there could be many.
            if operation.refused.is_none() {
                seen.push(name);
            }
        }
        Ok(operation)
    }
}

fn unknown(name: &str) -> Unreadable {
    if is_id(name) {
        return Unreadable::Persisted;
    }
    let is_plain =
        |character: &char| character.is_ascii_alphanumeric() || "_-".contains(*character);
    Unreadable::UnknownField(name.chars().filter(is_plain).take(40).collect())
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Body::deserialize(deserializer)? {
            Body::One(operation) => Ok(operation),
            Body::Batch(_) => Err(D::Error::custom("a list within a list")),
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an operation or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body, A::Error> {
        Operation::read(map).map(Body::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Body, A::Error> {
        let mut operations = Vec::new();
        while operations.len() <= MAX_GRAPHQL_BATCH {
            match list.next_element::<Operation>()? {
                Some(operation) => operations.push(operation),
                None => return Ok(Body::Batch(operations)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Body::Batch(operations))
    }
}
