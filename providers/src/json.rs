//! JSON whose strings stay in the text that it was read from.
//!
//! Each start of a run reads a definition for each of its providers, and `serde_json::Value` would
//! copy every string of it and hash every name.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How many fields an object may have: each is compared with those before it.
const MAX_FIELDS: usize = 4096;

/// A JSON value.
#[derive(Clone, Debug)]
pub(crate) enum Json<'text> {
    Null,
    Flag(bool),
    /// `None` for a number that is no natural one.
    Number(Option<u64>),
    /// Borrowed, unless it has an escape sequence.
    Text(Cow<'text, str>),
    List(Vec<Json<'text>>),
    /// The fields in their order. If a name is repeated, the last value counts.
    Object(Vec<(Cow<'text, str>, Json<'text>)>),
}

impl Json<'_> {
    /// The string, if it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a natural one.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => *number,
            _ => None,
        }
    }

    /// The text of the value; `None` if it holds a number that is no natural one.
    pub(crate) fn text(&self) -> Option<String> {
        Some(match self {
            Self::Null => "null".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => (*number)?.to_string(),
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Option<Vec<_>> = items.iter().map(Self::text).collect();
                format!("[{}]", items?.join(","))
            }
            Self::Object(fields) => {
                let field = |(name, value): &(Cow<'_, str>, Self)| {
                    Some(format!("{}:{}", quoted(name), value.text()?))
                };
                let fields: Option<Vec<_>> = fields.iter().map(field).collect();
                format!("{{{}}}", fields?.join(","))
            }
        })
    }

    /// The field of that name, if this is an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        let mut fields = fields.iter();
        let found = fields.find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }
}

/// A string as JSON writes it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl<'de: 'text, 'text> Deserialize<'de> for Json<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(Some(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(u64::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(None))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        while let Some((name, value)) = entries.next_entry::<Json<'de>, Json<'de>>()? {
            let Json::Text(name) = name else {
                return Err(A::Error::custom("the name of a field is not a string"));
            };
            if let Some((_, earlier)) = fields.iter_mut().find(|(known, _)| *known == name) {
                *earlier = value;
            } else if fields.len() < MAX_FIELDS {
                fields.push((name, value));
            } else {
                let reason = format!("an object has more than {MAX_FIELDS} fields");
                return Err(A::Error::custom(reason));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_copied_only_where_the_text_has_an_escape_sequence() {
        let text = r#"{"a": ["plain", "\u0061 \"quoted\""], "b\n": 1}"#;
        let json: Json<'_> = serde_json::from_str(text).unwrap();
        let Some(Json::List(items)) = json.get("a") else {
            panic!("{json:?}");
        };
        assert!(matches!(items[0], Json::Text(Cow::Borrowed("plain"))));
        assert!(matches!(&items[1], Json::Text(Cow::Owned(text)) if text == "a \"quoted\""));
        assert_eq!(json.get("b\n").and_then(Json::as_u64), Some(1));
    }

    #[test]
    fn the_last_of_two_fields_with_one_name_counts_in_the_place_of_the_first() {
        let json: Json<'_> = serde_json::from_str(r#"{"a": 1, "b": 2, "a": "x"}"#).unwrap();
        let Json::Object(fields) = &json else {
            panic!("{json:?}");
        };
        let names: Vec<_> = fields.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(json.get("a").and_then(Json::as_str), Some("x"));
    }

    #[test]
    fn an_object_has_a_bounded_number_of_fields() {
        let object = |count: usize| {
            let fields: Vec<_> = (0..count).map(|field| format!("\"{field}\":0")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert!(serde_json::from_str::<Json<'_>>(&object(MAX_FIELDS)).is_ok());
        let refused = serde_json::from_str::<Json<'_>>(&object(MAX_FIELDS + 1)).unwrap_err();
        assert!(
            refused.to_string().contains("more than 4096 fields"),
            "{refused}"
        );
    }

    #[test]
    fn numbers_other_than_natural_ones_are_none() {
        for (text, expected) in [("7", Some(7)), ("-7", None), ("7.5", None), ("1e2", None)] {
            let json: Json<'_> = serde_json::from_str(text).unwrap();
            assert_eq!(json.as_u64(), expected, "{text}");
        }
    }
}
