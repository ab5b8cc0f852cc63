//! Finds the placeholder in the fields of a body that carry a credential, as the body streams.
//!
//! As text it passes: a transcript that has once shown the placeholder must not keep an agent from
//! its model. So only a value that *is* the placeholder counts, in a form or a JSON object, in a
//! field that the definition names as a carrier. It may stand behind an authentication scheme
//! (`Bearer …`). JSON within a JSON string is text, and so is a body of any other type.
//!
//! ```text
//! piece --> every place of the placeholder --> what stands before it --+-- a carrier --> refused
//!             (memmem)                          (256 bytes at most)    +-- otherwise --> passes
//! ```
//!
//! Nothing is held back: what was sent before is at most the beginning of a placeholder, and the
//! piece that would complete it is not sent.

use std::sync::Arc;

use authsome_providers::Carriers;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;

use super::placeholder::Others;
use crate::defence::Defence;

/// How many bytes before a placeholder are looked at: the name of a field, and what separates it
/// from its value.
const CONTEXT: usize = 256;

/// The longest authentication scheme that may stand between a field's beginning and the token.
const MAX_SCHEME: usize = 12;

/// The type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// What a body is, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// JSON, one object or one a line.
    Json,
    /// `multipart/form-data`.
    Multipart,
}

/// What is searched for.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Search<'a> {
    /// The fields that carry a credential.
    pub(in crate::proxy) carriers: &'a Carriers,
    /// The placeholders beside the usual one.
    pub(in crate::proxy) others: &'a Arc<Others>,
}

/// Searches one body.
#[derive(Debug)]
pub(in crate::proxy) struct BodyFields {
    kind: Kind,
    names: Vec<String>,
    others: Arc<Others>,
    /// The end of what was seen, long enough to tell what stands before a placeholder that ends in
    /// the next piece.
    tail: Vec<u8>,
    /// Whether the tail is all that was seen.
    is_whole: bool,
}

impl BodyFields {
    /// `None` for a body that has no such field.
    pub(in crate::proxy) fn of(headers: &HeaderMap, search: Search<'_>) -> Option<Self> {
        let Search { carriers, others } = search;
        if carriers.form.is_empty() && carriers.json.is_empty() {
            return None;
        }
        // Rack, the web interface of Ruby, reads a body without a type as a form.
        let content_type = match headers.get(CONTENT_TYPE) {
            Some(value) => value.to_str().ok()?,
            None => FORM,
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let (kind, names) = match essence.as_str() {
            FORM => (Kind::Form, &carriers.form),
            "multipart/form-data" => (Kind::Multipart, &carriers.form),
            other if other.ends_with("/json") || other.ends_with("+json") => {
                (Kind::Json, &carriers.json)
            }
            _ => return None,
        };
        (!names.is_empty()).then(|| Self {
            kind,
            names: names.clone(),
            others: Arc::clone(others),
            tail: Vec::new(),
            is_whole: true,
        })
    }

    /// Whether a carrier whose value is the placeholder ends in this piece.
    pub(in crate::proxy) fn completes(&mut self, piece: &[u8]) -> bool {
        let before = self.tail.len();
        let overlap = self.others.longest() - 1;
        // A placeholder that begins in the tail, and then those that begin in the piece.
        let mut border = std::mem::take(&mut self.tail);
        border.extend_from_slice(&piece[..piece.len().min(CONTEXT + overlap)]);
        let places = &self.others;
        let mut found = places
            .places(&border)
            .filter(|(_, end)| *end > before)
            .any(|(at, _)| self.is_credential(&border[..at], self.is_whole));
        found = found
            || places
                .places(piece)
                .filter(|(at, _)| *at >= CONTEXT)
                .any(|(at, _)| self.is_credential(&piece[at - CONTEXT..at], false));
        if piece.len() >= CONTEXT + overlap {
            border.clear();
            border.extend_from_slice(&piece[piece.len() - CONTEXT - overlap..]);
            self.is_whole = false;
        } else if border.len() > CONTEXT + overlap {
            border.drain(..border.len() - CONTEXT - overlap);
            self.is_whole = false;
        }
        self.tail = border;
        found && Defence::PlaceholderInBody.stands()
    }

    /// Whether what stands before a placeholder makes it the value of a carrier. `is_whole` is
    /// whether the body begins there.
    fn is_credential(&self, context: &[u8], is_whole: bool) -> bool {
        match self.kind {
            Kind::Form => {
                let start = context.iter().rposition(|byte| *byte == b'&');
                let pair = match start {
                    Some(start) => &context[start + 1..],
                    None if is_whole => context,
                    None => return false,
                };
                let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
                    return false;
                };
                let (name, value) = pair.split_at(equals);
                is_scheme(&form_decoded(&value[1..])) && self.has(form_decoded(name).trim_ascii())
            }
            Kind::Json => json_name(context).is_some_and(|name| self.has(name)),
            Kind::Multipart => multipart_name(context).is_some_and(|name| self.has(name)),
        }
    }

    fn has(&self, name: &[u8]) -> bool {
        self.names.iter().any(|known| known.as_bytes() == name)
    }
}

/// A name or value of a form (WHATWG URL, `application/x-www-form-urlencoded` parsing).
fn form_decoded(text: &[u8]) -> Vec<u8> {
    let plus_as_blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    let blanks: Vec<u8> = text.iter().map(plus_as_blank).collect();
    percent_decode(&blanks).collect()
}

/// Whether the text is empty, or an authentication scheme and a blank.
fn is_scheme(text: &[u8]) -> bool {
    match text.split_last() {
        None => true,
        Some((b' ', scheme)) => {
            scheme.len() <= MAX_SCHEME && scheme.iter().all(u8::is_ascii_alphabetic)
        }
        Some(_) => false,
    }
}

/// The name of the member whose string value begins where the context ends: `"name" : "`.
fn json_name(context: &[u8]) -> Option<&[u8]> {
    let quote = context.iter().rposition(|byte| *byte == b'"')?;
    if !is_scheme(&context[quote + 1..]) {
        return None;
    }
    let before = context[..quote].trim_ascii_end();
    let before = before.strip_suffix(b":")?.trim_ascii_end();
    let before = before.strip_suffix(b"\"")?;
    let start = before.iter().rposition(|byte| *byte == b'"')?;
    // An escaped quote is within a string: that is text.
    let is_escaped = start > 0 && before[start - 1] == b'\\';
    (!is_escaped).then(|| &before[start + 1..])
}

/// The name of the part whose content begins where the context ends.
fn multipart_name(context: &[u8]) -> Option<&[u8]> {
    let head_end = context
        .windows(4)
        .rposition(|window| window == b"\r\n\r\n")?;
    if !is_scheme(&context[head_end + 4..]) {
        return None;
    }
    let head = &context[..head_end];
    let label = b" name=";
    let at = head
        .windows(label.len())
        .rposition(|window| window.eq_ignore_ascii_case(label))?;
    let rest = &head[at + label.len()..];
    match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next(),
        None => rest.split(|byte| b";\r\n".contains(byte)).next(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn fields(content_type: &'static str) -> BodyFields {
        let names = || vec!["token".to_owned(), "private_token".to_owned()];
        let carriers = Carriers {
            form: names(),
            json: names(),
            ..Carriers::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let others = Arc::new(Others::of(&["sk_test_unusual".to_owned()]));
        let search = Search {
            carriers: &carriers,
            others: &others,
        };
        BodyFields::of(&headers, search).unwrap()
    }

    /// Whether it is found, in whatever pieces the body comes.
    #[track_caller]
    fn found(content_type: &'static str, body: &str) -> bool {
        let whole = fields(content_type).completes(body.as_bytes());
        for middle in 0..=body.len() {
            let mut streamed = fields(content_type);
            let (one, other) = body.as_bytes().split_at(middle);
            let found = streamed.completes(one) | streamed.completes(other);
            assert_eq!(found, whole, "{body} in two pieces, at {middle}");
        }
        let mut bytewise = fields(content_type);
        let found = body
            .bytes()
            .fold(false, |found, byte| found | bytewise.completes(&[byte]));
        assert_eq!(found, whole, "{body} byte by byte");
        whole
    }

    const P: &str = "authsome-proxy-managed";

    #[test]
    fn a_json_value_in_a_carrier_is_a_credential() {
        for (body, expected) in [
            (format!(r#"{{"token":"{P}"}}"#), true),
            (format!("{{\"a\":1,\n \"token\" :\t\"{P}\"}}"), true),
            (format!(r#"{{"token":"Bearer {P}"}}"#), true),
            (format!(r#"{{"a":{{"private_token":"{P}"}}}}"#), true),
            (format!(r#"{{"content":"{P}"}}"#), false),
            (format!(r#"{{"content":"export TOKEN={P}"}}"#), false),
            (format!(r#"{{"token":"my {P} is"}}"#), true),
            (format!(r#"{{"token":"it is the {P}"}}"#), false),
            (format!(r#"{{"arguments":"{{\"token\":\"{P}\"}}"}}"#), false),
            (format!(r#"["token","{P}"]"#), false),
            (format!(r#"{{"tokens":"{P}"}}"#), false),
        ] {
            assert_eq!(found("application/json", &body), expected, "{body}");
        }
        let long = format!(r#"{{"content":"{}","token":"{P}"}}"#, "x".repeat(2000));
        assert!(fields("application/vnd.api+json").completes(long.as_bytes()));
    }

    #[test]
    fn a_form_field_is_a_credential() {
        let form = "application/x-www-form-urlencoded";
        for (body, expected) in [
            (format!("token={P}"), true),
            (format!("a=b&token={P}&c=d"), true),
            (format!("a=b&private%5Ftoken={P}"), true),
            (format!("token=Bearer+{P}"), true),
            (format!("token=Bearer%20{P}"), true),
            (format!("token=Bearer%2B{P}"), false),
            ("token=sk_test_unusual".to_owned(), true),
            ("message=sk_test_unusual".to_owned(), false),
            (format!("message={P}"), false),
            (format!("a=token={P}"), false),
            (format!("message=a&b={P}"), false),
        ] {
            assert_eq!(found(form, &body), expected, "{body}");
        }
        let part = |name: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{P}\r\n--x--")
        };
        let multipart = "multipart/form-data; boundary=x";
        assert!(found(multipart, &part("token")));
        assert!(!found(multipart, &part("file")));
    }

    #[test]
    fn other_bodies_are_not_looked_at() {
        let carriers = Carriers {
            json: vec!["token".to_owned()],
            ..Carriers::default()
        };
        let mut headers = HeaderMap::new();
        let others = Arc::default();
        let of = |headers: &HeaderMap, carriers: &Carriers| {
            let others = &others;
            BodyFields::of(headers, Search { carriers, others })
        };
        assert!(of(&headers, &carriers).is_none()); // a form, which has no carrier
        for other in [
            "text/plain",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
        ] {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(other));
            assert!(of(&headers, &carriers).is_none(), "{other}");
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert!(of(&headers, &Carriers::default()).is_none());
    }
}
