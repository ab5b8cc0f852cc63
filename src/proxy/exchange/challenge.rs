//! `WWW-Authenticate` (RFC 9110 §11.6.1), from which the proxy reads why a token was refused (RFC
//! 6750 §3).
//!
//! A field may have several challenges, and a challenge several parameters, all separated by
//! commas. Servers do not keep strictly to the grammar, so neither does this parser. It reads each
//! byte once.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Response, StatusCode};

/// Why a token was refused, as stated by a challenge.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Reason {
    /// `error`.
    pub(in crate::proxy) code: String,
    /// `error_description`, or empty.
    pub(in crate::proxy) description: String,
    /// `scope`, or empty.
    pub(in crate::proxy) scope: String,
}

/// The scopes that the token lacks (RFC 6750 §3.1), if the response says so. It goes to the client
/// as it is: only the user can widen a grant.
pub(in crate::proxy) fn lacking<B>(response: &Response<B>) -> Option<String> {
    if ![StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED].contains(&response.status()) {
        return None;
    }
    let reason = reason(response.headers())?;
    reason
        .code
        .eq_ignore_ascii_case("insufficient_scope")
        .then_some(reason.scope)
}

/// The first reason that a challenge states, whatever its scheme: `DPoP` (RFC 9449 §7.1) has the
/// same parameters as Bearer.
pub(in crate::proxy) fn reason(fields: &HeaderMap) -> Option<Reason> {
    fields
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .find_map(|value| reason_in(&String::from_utf8_lossy(value.as_bytes())))
}

fn reason_in(value: &str) -> Option<Reason> {
    let mut code = None;
    let (mut description, mut scope) = (String::new(), String::new());
    let mut rest = value;
    loop {
        rest = rest
            .trim_start_matches(|character: char| character == ',' || character.is_whitespace());
        if rest.is_empty() {
            break;
        }
        let (name, behind) = word(rest);
        let after = behind.trim_start();
        let Some(value) = after.strip_prefix('=') else {
            // A scheme: another challenge begins, and the one before it is complete.
            if code.is_some() {
                break;
            }
            description.clear();
            scope.clear();
            // Skip a stray character such as a quote, or this loop would never end.
            rest = if name.is_empty() {
                skip_one(rest)
            } else {
                behind
            };
            continue;
        };
        let (text, behind) = parameter(value.trim_start());
        rest = behind;
        if name.eq_ignore_ascii_case("error") {
            code.get_or_insert(text);
        } else if name.eq_ignore_ascii_case("error_description") {
            description = text;
        } else if name.eq_ignore_ascii_case("scope") {
            scope = text;
        }
    }
    code.map(|code| Reason {
        code,
        description,
        scope,
    })
}

/// The text before the next delimiter, and the rest.
fn word(text: &str) -> (&str, &str) {
    let end = |character: char| character.is_whitespace() || matches!(character, '=' | ',' | '"');
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// A parameter's value, a token or a quoted string (RFC 9110 §5.6.4), and the rest.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

fn skip_one(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<(String, String)> {
        let mut fields = HeaderMap::new();
        for value in values {
            fields.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        reason(&fields).map(|reason| (reason.code, reason.description))
    }

    #[test]
    fn the_reason_is_found_in_every_spelling() {
        let expired = Some((
            "invalid_token".to_owned(),
            "Token is expired, \"really\"".to_owned(),
        ));
        for values in [
            &[
                r#"Bearer realm="x", error="invalid_token", error_description="Token is expired, \"really\"""#,
            ][..],
            &[
                r#"bearer ERROR = "invalid_token" ,Error_Description="Token is expired, \"really\"",scope=a"#,
            ],
            &[
                r#"Basic realm="a, error=no", Bearer error=invalid_token, error_description="Token is expired, \"really\"""#,
            ],
            &[
                r#"Basic realm="GitLab""#,
                r#"DPoP error="invalid_token",error_description="Token is expired, \"really\"", algs="ES256""#,
            ],
            &[
                r#"Negotiate abc==, Bearer error_description="Token is expired, \"really\"", error="invalid_token", Basic realm="x", error="other""#,
            ],
        ] {
            assert_eq!(read(values), expired, "{values:?}");
        }
        let bare = Some(("invalid_token".to_owned(), String::new()));
        assert_eq!(read(&["Bearer error=\"invalid_token\""]), bare);
        assert_eq!(read(&["Bearer error=\"invalid_token"]), bare);
    }

    #[test]
    fn the_scopes_that_are_lacking_are_those_of_the_same_challenge() {
        let read = |value: &str| {
            let builder = Response::builder().status(StatusCode::FORBIDDEN);
            lacking(&builder.header(WWW_AUTHENTICATE, value).body(()).unwrap())
        };
        for value in [
            r#"Bearer error="insufficient_scope", scope="a b""#,
            r#"Bearer scope="a b", error=Insufficient_Scope, resource_metadata="https://a.test""#,
            r#"DPoP scope="c", Bearer error="insufficient_scope", scope="a b", Basic scope="d""#,
        ] {
            assert_eq!(read(value).as_deref(), Some("a b"), "{value}");
        }
        assert_eq!(read(r#"Bearer error="insufficient_scope""#).unwrap(), "");
        assert_eq!(read(r#"Bearer error="invalid_token", scope="a""#), None);
    }

    #[test]
    fn where_there_is_none_none_is_found() {
        for value in [
            "",
            "Bearer",
            "Basic realm=\"error=invalid_token\"",
            "Bearer realm=",
            "\"\"\"",
            "=,=,=",
            "Negotiate YWJj==",
        ] {
            assert_eq!(read(&[value]), None, "{value}");
        }
        assert_eq!(read(&[]), None);
    }
}
