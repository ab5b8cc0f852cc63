//! The forms in which a credential is sent.

use thiserror::Error;

use crate::template::Template;

/// How a credential is put on a request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// `Authorization: Basic base64(username:password)` (RFC 7617).
    Basic {
        /// The user name before the colon.
        username: Template,
        /// The password after it.
        password: Template,
    },
    /// `Authorization: Bearer credential` (RFC 6750).
    Bearer,
    /// `name: prefix`, immediately followed by the credential. The prefix includes its trailing
    /// space, if it needs one.
    Header {
        /// The field's name, in lower case.
        name: String,
        /// The text before the credential, such as `Token `, or nothing.
        prefix: String,
    },
    /// Several fields, or one that is not the credential alone.
    Headers {
        /// Names in lower case, with their values.
        values: Vec<(String, Template)>,
    },
    /// A segment of the path: the credential stands right after the prefix.
    Path {
        /// The text before it, from the first slash on: `/bot`.
        prefix: String,
    },
    /// `?name=value`, for one parameter or several.
    Query {
        /// The parameters' names and values.
        values: Vec<(String, Template)>,
    },
    /// AWS Signature Version 4: the request is signed anew with the key that the fields
    /// `access_key_id`, `secret_access_key` and `session_token` name.
    SigV4,
}

/// A field name in lower case, as HTTP/2 requires (RFC 9113 §8.2.1).
pub(crate) fn header_name(text: &str) -> Result<String, ShapeError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(token) {
        return Err(ShapeError::HeaderName);
    }
    let name = text.to_ascii_lowercase();
    if FRAMING_HEADERS.contains(&name.as_str()) {
        return Err(ShapeError::FramingHeader);
    }
    Ok(name)
}

/// The text before a credential in a field. A prefix that ends with a letter or digit (`Bearer`)
/// gets the space that existing definitions leave out; one that ends with punctuation (`token=`) is
/// unchanged.
pub(crate) fn header_prefix(text: &str) -> Result<String, ShapeError> {
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(ShapeError::Prefix);
    }
    let ends_in_word = text
        .bytes()
        .next_back()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    Ok(if ends_in_word {
        format!("{text} ")
    } else {
        text.to_owned()
    })
}

/// The name of a query parameter that needs no percent-encoding.
pub(crate) fn query_name(text: &str) -> Result<String, ShapeError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]".contains(&byte);
    if text.is_empty() || !text.bytes().all(plain) {
        return Err(ShapeError::QueryName);
    }
    Ok(text.to_owned())
}

/// A user name for HTTP Basic. RFC 7617 forbids a colon in it, because the password starts after
/// the first colon.
pub(crate) fn basic_username(text: &str) -> Result<(), ShapeError> {
    if text.contains(':') || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(ShapeError::Username);
    }
    Ok(())
}

/// The text before a credential in a path: it begins a segment.
pub(crate) fn path_prefix(text: &str) -> Result<String, ShapeError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !text.starts_with('/') || !text.bytes().all(plain) || text.contains("//") {
        return Err(ShapeError::PathPrefix);
    }
    Ok(text.to_owned())
}

/// Fields that frame or route a message. A credential in one of these would break the request.
const FRAMING_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authorization",
];

/// Why a name or prefix cannot carry a credential.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum ShapeError {
    #[error("this header frames the message and cannot carry a credential")]
    FramingHeader,
    #[error("a header name has letters, digits and `-` only")]
    HeaderName,
    #[error(
        "the text before a credential in a path starts with `/` and has letters, digits and `-._~/` only"
    )]
    PathPrefix,
    #[error("a header prefix has printable ASCII characters only")]
    Prefix,
    #[error("a query parameter's name has letters, digits and `-._~[]` only")]
    QueryName,
    #[error("a user name has printable ASCII characters without a colon only")]
    Username,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_is_a_word_gets_its_blank() {
        for (given, expected) in [
            ("Bearer", "Bearer "),
            ("Bearer ", "Bearer "),
            ("token=", "token="),
            ("", ""),
        ] {
            assert_eq!(header_prefix(given).unwrap(), expected);
        }
        assert!(header_prefix("a\r\nb").is_err());
    }

    #[test]
    fn names_that_could_break_a_request_are_refused() {
        assert_eq!(header_name("X-API-Key").unwrap(), "x-api-key");
        for name in ["", "a b", "a:b", "a\r\n", "Host", "Content-Length"] {
            assert!(header_name(name).is_err(), "{name}");
        }
        assert!(query_name("a&b").is_err());
        assert!(basic_username("a:b").is_err());
    }
}
