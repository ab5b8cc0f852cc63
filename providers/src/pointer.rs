//! JSON pointers (RFC 6901), by which a definition locates values in a response.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

/// A JSON pointer (RFC 6901), such as `/owner/username`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JsonPointer(String);

impl JsonPointer {
    /// The value it points to.
    pub fn select<'value>(&self, value: &'value Value) -> Option<&'value Value> {
        value.pointer(&self.0)
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for JsonPointer {
    type Err = JsonPointerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(JsonPointerError(()))
        }
    }
}

/// The text is not a JSON pointer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("a JSON pointer starts with `/`, such as `/username`")]
pub struct JsonPointerError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_what_it_points_to() {
        let value = serde_json::json!({"owner": {"name": "ada"}});
        let pointer: JsonPointer = "/owner/name".parse().unwrap();
        assert_eq!(pointer.select(&value), Some(&Value::from("ada")));
        assert!("owner".parse::<JsonPointer>().is_err());
    }
}
