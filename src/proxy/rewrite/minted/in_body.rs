//! Secrets in the small bodies of OAuth: taken out of what a token endpoint answers, and put back
//! into what the child sends to it. Both are JSON or a form (RFC 6749 §4.1.3, §5.1).

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde_json::Value;

use super::MintedSecrets;
use crate::proxy::rewrite::scrub::media_type;

/// The members of a response that are secrets (RFC 6749 §5.1, `OpenID` Connect Core §3.1.3.3, RFC
/// 7591 §3.2.1).
const SECRET_MEMBERS: [&str; 5] = [
    "access_token",
    "client_secret",
    "id_token",
    "refresh_token",
    "registration_access_token",
];

/// The members of a request that a secret is put back into (RFC 6749 §6, RFC 7009 §2.1, RFC 8693
/// §2.1). In any other one it would be shown: as the name of a client, say.
const SENT_MEMBERS: [&str; 9] = [
    "access_token",
    "actor_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "id_token_hint",
    "refresh_token",
    "subject_token",
    "token",
];

/// What a response of an OAuth endpoint is, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum BodyKind {
    /// A page for a person, or a part of one.
    Page,
    /// JSON.
    Json,
    /// A form, or a text that may be one.
    Form,
    /// Something else, such as a signed answer.
    Unknown,
}

impl BodyKind {
    /// By the header fields. A body without a type may be anything.
    pub(in crate::proxy) fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            let begins = body.trim_ascii_start().first();
            let is_json = begins.is_some_and(|byte| b"{[".contains(byte));
            return if is_json { Self::Json } else { Self::Form };
        };
        let essence = value.to_str().unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        match essence.as_str() {
            "text/html"
            | "application/xhtml+xml"
            | "text/css"
            | "text/javascript"
            | "application/javascript" => Self::Page,
            "application/x-www-form-urlencoded" | "text/plain" | "" => {
                let looks_like_json = body.trim_ascii_start().starts_with(b"{");
                if looks_like_json {
                    Self::Json
                } else {
                    Self::Form
                }
            }
            json if json.ends_with("/json") || json.ends_with("+json") => Self::Json,
            _ if !media_type::is_text(headers) => Self::Page,
            _ => Self::Unknown,
        }
    }
}

/// A body of that kind whose secret members are what `replace` makes of them. `None` if it cannot
/// be read.
pub(in crate::proxy) fn members_replaced<E>(
    kind: BodyKind,
    body: &[u8],
    replace: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Option<Vec<u8>>, E> {
    match kind {
        BodyKind::Json => {
            let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
                return Ok(None);
            };
            in_json("", &mut value, &SECRET_MEMBERS, replace)?;
            Ok(serde_json::to_vec(&value).ok())
        }
        BodyKind::Form => in_form(body, &SECRET_MEMBERS, replace),
        BodyKind::Page | BodyKind::Unknown => Ok(None),
    }
}

/// A request's body with secrets in the place of their placeholders. `None` if it stays as it is.
pub(in crate::proxy) fn put_back(
    headers: &HeaderMap,
    body: &[u8],
    minted: &MintedSecrets,
) -> Option<Vec<u8>> {
    if !minted.is_in(body) {
        return None; // a placeholder needs no escape in a form, and gets none in JSON
    }
    let mut replace = |value: &str| -> Result<Option<String>, std::convert::Infallible> {
        let made = minted.put_into(value.as_bytes(), &<[u8]>::to_vec);
        let made = std::str::from_utf8(&made).map(ToOwned::to_owned);
        Ok(made.ok().filter(|made| made != value))
    };
    match BodyKind::of(headers, body) {
        BodyKind::Json => {
            let mut value = serde_json::from_slice::<Value>(body).ok()?;
            in_json("", &mut value, &SENT_MEMBERS, &mut replace).ok()?;
            serde_json::to_vec(&value).ok()
        }
        BodyKind::Form => in_form(body, &SENT_MEMBERS, &mut replace).ok()?,
        BodyKind::Page | BodyKind::Unknown => None,
    }
}

/// A value of the member `name`, or what is in it.
fn in_json<E>(
    name: &str,
    value: &mut Value,
    names: &[&str],
    replace: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<(), E> {
    match value {
        Value::String(text) if names.contains(&name) => {
            if let Some(other) = replace(text)? {
                *text = other;
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                in_json(name, value, names, replace)?;
            }
        }
        Value::Array(items) => {
            for item in items {
                in_json(name, item, names, replace)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn in_form<E>(
    body: &[u8],
    names: &[&str],
    replace: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Option<Vec<u8>>, E> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Ok(None);
    };
    let mut made = String::with_capacity(text.len());
    for piece in text.split_inclusive('&') {
        let pair = piece.strip_suffix('&').unwrap_or(piece);
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_secret = names.contains(&decoded(name).trim());
        let other = if is_secret && !value.is_empty() {
            replace(decoded(value).trim_end())?
        } else {
            None
        };
        match other {
            Some(other) => {
                let other = percent_encode(other.as_bytes(), NON_ALPHANUMERIC);
                made.extend([name, "="]);
                made.extend(other);
                made.push_str(piece.strip_prefix(pair).unwrap_or_default());
            }
            None => made.push_str(piece),
        }
    }
    Ok(Some(made.into_bytes()))
}

/// A name or value of a form.
fn decoded(text: &str) -> String {
    let blanks = text.replace('+', " ");
    percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}
