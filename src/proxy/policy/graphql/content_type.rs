//! What a request says of its body: the type, and that it is in no coding.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::verdict::Unreadable;

/// In what form a body has documents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// `application/json` and the types that end in `+json`.
    Json,
    /// `application/graphql`: the body is the document.
    Document,
    /// `application/x-www-form-urlencoded`. Some clients name it and send JSON, as it is what curl
    /// says of itself.
    UrlEncoded,
    /// `multipart/form-data`, with its boundary.
    Multipart(String),
    /// None is named, or `text/plain`.
    Unnamed,
}

/// The form of a request's body. A charset other than UTF-8 and a content coding are refused: what
/// the server decodes, the guard would not have read.
pub(super) fn form(headers: &HeaderMap) -> Result<Form, Unreadable> {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.into_iter().any(|coding| coding != "identity") {
        return Err(Unreadable::Unsupported("content coding"));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let Some(named) = types.next() else {
        return Ok(Form::Unnamed);
    };
    if types.next().is_some() {
        return Err(Unreadable::Ambiguous("it has two content types"));
    }
    let text = named.to_str();
    let text = text.map_err(|_| Unreadable::Unsupported("content type"))?;
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let boundary = parameters(parts)?;
    let is_json = |name: &str| name.starts_with("application/") && name.ends_with("+json");
    match (essence.as_str(), boundary) {
        ("multipart/form-data", Some(boundary)) => Ok(Form::Multipart(boundary)),
        ("application/json", None) => Ok(Form::Json),
        ("application/graphql", None) => Ok(Form::Document),
        ("application/x-www-form-urlencoded", None) => Ok(Form::UrlEncoded),
        ("text/plain", None) => Ok(Form::Unnamed),
        (name, None) if is_json(name) => Ok(Form::Json),
        _ => Err(Unreadable::Unsupported("content type")),
    }
}

/// Checks the parameters, and returns the boundary.
fn parameters<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Option<String>, Unreadable> {
    let mut boundary = None;
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = unquoted(value);
        match name.to_ascii_lowercase().as_str() {
            "charset" if !value.eq_ignore_ascii_case("utf-8") => {
                return Err(Unreadable::Unsupported("charset"));
            }
            // RFC 2046 §5.1.1, without what would have to be quoted.
            "boundary" => {
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'+_-.".contains(&byte);
                let is_boundary = (1..=70).contains(&value.len()) && value.bytes().all(is_plain);
                if !is_boundary || boundary.replace(value.to_owned()).is_some() {
                    return Err(Unreadable::Malformed("a form: its boundary is odd"));
                }
            }
            _ => {}
        }
    }
    Ok(boundary)
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"');
    let inner = inner.and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}
