//! Recognizes the response of a token endpoint by its content rather than by its form.
//!
//! A provider issues a token pair only once, and with it the old refresh token is used up. If the
//! response were rejected for an odd field, a byte order mark, another 2xx status or another
//! content type, the grant would be lost. So every response with an access token counts as a token
//! response (RFC 6749 §5.1). Its other fields are read where they make sense, and ignored where
//! they do not.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// A lifetime longer than this is taken as no expiry at all.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 366 * 100);

/// The byte order mark of UTF-8. A JSON text must not start with it (RFC 8259 §8.1), but some
/// frameworks write it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

type Object = Map<String, Value>;

/// Brings a response into a uniform form. A response with a token gets status 200. A refusal (RFC
/// 6749 §5.2) keeps its status, or gets 400 if it came with a success status. `None` if the
/// response is neither.
pub(super) fn recognise(status: StatusCode, body: &[u8]) -> Option<(StatusCode, Vec<u8>)> {
    let text = String::from_utf8_lossy(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
    let object = object_in(&text)?;
    if status.is_success() && token_in(&object).is_some() {
        return serde_json::to_vec(&object)
            .ok()
            .map(|body| (StatusCode::OK, body));
    }
    let refusal = refusal_in(&object)?;
    let status = if status.is_success() {
        StatusCode::BAD_REQUEST
    } else {
        status
    };
    Some((status, refusal.to_string().into_bytes()))
}

/// Recognizes a token in a body that broke off. The JSON object must be complete and nothing may
/// follow it; anything else may be only the beginning of a response.
pub(super) fn recognise_whole(status: StatusCode, body: &[u8]) -> Option<(StatusCode, Vec<u8>)> {
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice::<Object>(text).ok()?;
    recognise(status, body).filter(|(status, _)| status.is_success())
}

/// The access token, if it has one.
pub(super) fn token_in(object: &Object) -> Option<&str> {
    let token = object.get("access_token")?.as_str()?.trim();
    (!token.is_empty()).then_some(token)
}

/// A refresh token, if it has one.
pub(super) fn refresh_token_in(object: &Object) -> Option<&str> {
    let token = object.get("refresh_token")?.as_str()?.trim();
    (!token.is_empty()).then_some(token)
}

/// The lifetime of the access token in seconds, given as a number or as a string. `None` if there
/// is no such value, or if it is less than one second: some servers send 0 or -1 for a token that
/// does not expire.
pub(super) fn lifetime_in(object: &Object) -> Option<Duration> {
    let seconds = match object.get("expires_in")? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let lifetime = Duration::try_from_secs_f64(seconds).ok()?;
    (lifetime >= Duration::from_secs(1) && lifetime <= MAX_LIFETIME)
        .then(|| Duration::from_secs(lifetime.as_secs()))
}

/// The most URLs that are kept of a response, and the longest.
const MAX_URLS: usize = 8;
const MAX_URL: usize = 256;

/// The fields whose value is an https URL.
pub(super) fn urls_in(object: &Object) -> Vec<(String, String)> {
    let urls = object.iter().filter_map(|(name, value)| {
        let url = value.as_str()?;
        let is_one = url.starts_with("https://") && url.len() <= MAX_URL;
        is_one.then(|| (name.clone(), url.to_owned()))
    });
    urls.take(MAX_URLS).collect()
}

/// The granted scopes: a string with spaces (RFC 6749 §3.3) or commas between them, or a list.
/// `None` if the server does not name them.
pub(super) fn scopes_in(object: &Object) -> Option<Vec<String>> {
    let said = ["scope", "scopes"]
        .into_iter()
        .find_map(|name| object.get(name).filter(|value| !value.is_null()))?;
    let split = |text: &str| -> Vec<String> {
        let scopes = text.split(|character: char| character == ',' || character.is_whitespace());
        scopes
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect()
    };
    match said {
        Value::String(text) => Some(split(text)),
        Value::Array(list) => Some(
            list.iter()
                .filter_map(Value::as_str)
                .flat_map(split)
                .collect(),
        ),
        _ => None,
    }
}

/// The JSON object of a response, or the form-encoded body of older servers. If the object has no
/// token itself, but an object inside it has one (under `data`, for example), the inner one is
/// taken. Of a list, the first object is taken.
fn object_in(text: &str) -> Option<Object> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(object))) if token_in(&object).is_none() => {
            let mut inner = object.values().filter_map(Value::as_object);
            let inner = inner.find(|object| token_in(object).is_some()).cloned();
            Some(inner.unwrap_or(object))
        }
        Some(Ok(Value::Object(object))) => Some(object),
        Some(Ok(Value::Array(list))) => {
            let objects = list.into_iter().filter_map(|value| match value {
                Value::Object(object) => Some(object),
                _ => None,
            });
            objects.into_iter().next()
        }
        _ => form_in(text),
    }
}

/// Parses `access_token=…&token_type=…`, the format in drafts of OAuth 2.0.
fn form_in(text: &str) -> Option<Object> {
    let text = text.trim();
    let of_a_form = |byte: u8| byte.is_ascii_graphic() && !b"<>\"{}[]".contains(&byte);
    let has = |name: &str| text.split('&').any(|pair| pair.starts_with(name));
    if !text.bytes().all(of_a_form) || !(has("access_token=") || has("error=")) {
        return None; // probably a page that contains such a link
    }
    let pairs = form_urlencoded::parse(text.as_bytes());
    Some(
        pairs
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect(),
    )
}

/// An error response with its code and description as strings, whichever form the server used.
fn refusal_in(object: &Object) -> Option<Value> {
    let (code, words) = match object.get("error")? {
        Value::String(code) => (code.clone(), object.get("error_description")),
        Value::Object(error) => {
            let named = ["code", "type", "status", "error"];
            let code = named.iter().find_map(|name| error.get(*name)?.as_str())?;
            (code.to_owned(), error.get("message"))
        }
        _ => return None,
    };
    let mut refusal = json!({ "error": code });
    if let Some(words) = words.and_then(Value::as_str) {
        refusal["error_description"] = Value::from(words);
    }
    Some(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Object {
        serde_json::from_str(json).unwrap()
    }

    fn recognised(status: u16, body: &[u8]) -> Option<(u16, Value)> {
        let (status, body) = recognise(StatusCode::from_u16(status).unwrap(), body)?;
        Some((status.as_u16(), serde_json::from_slice(&body).unwrap()))
    }

    #[test]
    fn whatever_has_a_token_is_a_response() {
        let whole = r#"{"access_token":"a","token_type":"bearer"}"#;
        for (status, body) in [
            (200, whole.to_owned()),
            (201, whole.to_owned()),
            (203, format!("\u{feff}{whole}")),
            (200, format!("\r\n{whole}\n\0\n")),
            (200, format!("{{\"data\":{whole},\"message\":\"ok\"}}")),
            (200, format!("[{whole}]")),
            (200, r#"{"access_token":"a","access_token":"a"}"#.to_owned()),
            (200, r#"{"access_token":"a","error":""}"#.to_owned()),
            (
                200,
                "access_token=a&token_type=bearer&scope=api%20x".to_owned(),
            ),
            (200, "token_type=bearer&access_token=a".to_owned()),
        ] {
            let (found, response) = recognised(status, body.as_bytes()).expect(&body);
            assert_eq!(
                (found, &response["access_token"]),
                (200, &json!("a")),
                "{body}"
            );
        }
        let latin1 = b"{\"access_token\":\"a\",\"name\":\"Andr\xe9\"}";
        assert_eq!(recognised(200, latin1).unwrap().1["access_token"], "a");
    }

    #[test]
    fn of_a_body_that_broke_off_only_a_whole_object_with_a_token_is_a_response() {
        let whole = |status: u16, body: &str| {
            recognise_whole(StatusCode::from_u16(status).unwrap(), body.as_bytes())
        };
        for body in [
            r#"{"access_token":"a"}"#,
            "\u{feff} {\"access_token\":\"a\"}\r\n",
            r#"{"data":{"access_token":"a"}}"#,
        ] {
            assert!(whole(200, body).is_some(), "{body}");
        }
        for body in [
            r#"{"access_token":"a""#,
            r#"{"access_token":"a"}{"#,
            r#"[{"access_token":"a"}]"#,
            "access_token=a&token_type=bear",
            r#"{"error":"invalid_grant"}"#,
            "",
        ] {
            assert_eq!(whole(200, body), None, "{body}");
        }
        assert_eq!(whole(400, r#"{"access_token":"a"}"#), None);
    }

    #[test]
    fn a_refusal_is_one_whatever_its_status_and_form() {
        for (status, body, expected, words) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"spent"}"#,
                400,
                json!("spent"),
            ),
            (
                401,
                r#"{"error":"invalid_client","error_description":["x"]}"#,
                401,
                json!(null),
            ),
            (
                200,
                r#"{"error":"bad_refresh_token","error_description":"spent"}"#,
                400,
                json!("spent"),
            ),
            (
                400,
                r#"{"error":{"code":"invalid_grant","message":"spent"}}"#,
                400,
                json!("spent"),
            ),
            (
                400,
                "error=invalid_grant&error_description=spent",
                400,
                json!("spent"),
            ),
            (
                400,
                r#"{"access_token":"a","error":"invalid_grant"}"#,
                400,
                json!(null),
            ),
        ] {
            let (status, response) = recognised(status, body.as_bytes()).expect(body);
            assert_eq!(status, expected, "{body}");
            assert!(response["error"].is_string() && response.get("access_token").is_none());
            assert_eq!(response["error_description"], words, "{body}");
        }
    }

    #[test]
    fn what_is_neither_is_left_to_its_content_type() {
        for body in [
            "",
            "{}",
            "[]",
            "<html>access_token=",
            "<a href='/?a&error=b'>",
            "null",
            "\"access_token\"",
            r#"{"access_token":""}"#,
        ] {
            assert_eq!(recognised(200, body.as_bytes()), None, "{body}");
        }
        assert_eq!(recognised(400, br#"{"access_token":"a"}"#), None);
    }

    #[test]
    fn a_lifetime_is_read_where_it_makes_sense() {
        let read = |json: &str| lifetime_in(&object(&format!(r#"{{"expires_in":{json}}}"#)));
        for good in ["7200", "7200.9", "\"7200\"", "\" 7200.0 \"", "7.2e3"] {
            assert_eq!(read(good), Some(Duration::from_hours(2)), "{good}");
        }
        for none in [
            "null",
            "0",
            "-1",
            "-5.5",
            "0.2",
            "\"soon\"",
            "\"\"",
            "\"NaN\"",
            "\"inf\"",
            "1e300",
            "18446744073709551615",
            "[7200]",
            "{}",
            "true",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(lifetime_in(&object("{}")), None);
    }

    #[test]
    fn scopes_are_a_text_or_a_list() {
        let read = |json: &str| scopes_in(&object(json));
        let both = Some(vec!["api".to_owned(), "read_user".to_owned()]);
        for json in [
            r#"{"scope":"api read_user"}"#,
            r#"{"scope":"api,read_user"}"#,
            r#"{"scope":["api","read_user"]}"#,
            r#"{"scope":["api read_user",7]}"#,
            r#"{"scope":null,"scopes":["api","read_user"]}"#,
        ] {
            assert_eq!(read(json), both, "{json}");
        }
        for json in [
            "{}",
            r#"{"scope":7}"#,
            r#"{"scope":{}}"#,
            r#"{"scope":null}"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
        assert_eq!(read(r#"{"scope":""}"#), Some(Vec::new()));
    }
}
