//! A credential in the form in which a service takes it.

use authsome_providers::{Piece, Shape, Template};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::Fields;
use super::signature::SigningKey;
use crate::secret::Secret;

/// A credential in the form in which one shape sends it; made once for each token.
#[derive(Clone, Debug)]
pub(crate) enum Ready {
    /// Headers and their values, marked sensitive.
    Headers(Vec<(HeaderName, HeaderValue)>),
    /// The text before the credential in a path, and the encoded credential.
    Path(String, Secret<String>),
    /// `name=value`, encoded; several are joined with `&`.
    Query(Secret<String>),
    /// The key that the request is signed with (`signature.rs`).
    Signed(SigningKey),
    /// The token does not fit the shape: it has characters that no field can carry.
    Unfit,
}

impl Ready {
    /// Where the credential is, in words: never the credential.
    pub(crate) fn place(&self) -> String {
        let query = |pairs: &Secret<String>| {
            let pairs = pairs.expose().split('&');
            let names = pairs.map(|pair| pair.split('=').next().unwrap_or_default());
            format!("query {}", names.collect::<Vec<_>>().join(", "))
        };
        match self {
            Self::Headers(headers) => {
                let names = headers.iter().map(|(name, _)| name.as_str());
                format!("header {}", names.collect::<Vec<_>>().join(", "))
            }
            Self::Path(..) => "path".to_owned(),
            Self::Query(pairs) => query(pairs),
            Self::Signed(_) => "signature".to_owned(),
            Self::Unfit => "nothing".to_owned(),
        }
    }

    /// That credential in that shape.
    pub(crate) fn new(fields: Fields<'_>, shape: &Shape) -> Self {
        let made = match shape {
            Shape::Basic { username, password } => {
                let (username, password) = (fill(username, fields), fill(password, fields));
                let mut plain = buffer(username.len() + 1 + password.len());
                plain.push_str(&username);
                plain.push(':');
                plain.push_str(&password);
                header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(&*plain)))
            }
            Shape::Bearer => header(
                AUTHORIZATION,
                format!("Bearer {}", fields.credential.expose()),
            ),
            Shape::Header { name, prefix } => {
                named(name, format!("{prefix}{}", fields.credential.expose()))
            }
            Shape::Headers { values } => {
                let made = values
                    .iter()
                    .map(|(name, value)| named(name, fill(value, fields).to_string()));
                made.collect::<Option<Vec<_>>>().map(|made| made.concat())
            }
            Shape::Path { prefix } => {
                let value = fields.credential.expose();
                let mut segment = buffer(MAX_ENCODED * value.len());
                segment.extend(utf8_percent_encode(value, NOT_OF_A_SEGMENT));
                return Self::Path(prefix.clone(), secret(segment));
            }
            Shape::Query { values } => {
                let pairs = values.iter();
                let pairs = pairs.map(|(name, value)| (name, fill(value, fields)));
                let pairs: Vec<_> = pairs.collect();
                let sizes = pairs.iter();
                let sizes = sizes.map(|(name, value)| name.len() + 2 + MAX_ENCODED * value.len());
                let mut query = buffer(sizes.sum());
                for (name, value) in &pairs {
                    if !query.is_empty() {
                        query.push('&');
                    }
                    query.push_str(name);
                    query.push('=');
                    query.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
                }
                return Self::Query(secret(query));
            }
            Shape::SigV4 => return SigningKey::of(fields).map_or(Self::Unfit, Self::Signed),
            _ => None,
        };
        made.map_or(Self::Unfit, Self::Headers)
    }

    /// Adds the credential to a request whose carriers are removed, and replaces one that was added
    /// before. `stripped` is its target without any credential. `false` if it does not fit.
    pub(crate) fn put(&self, parts: &mut Parts, stripped: &Uri) -> bool {
        match self {
            Self::Headers(headers) => {
                for (name, value) in headers {
                    parts.headers.insert(name.clone(), value.clone());
                }
                true
            }
            Self::Path(prefix, value) => {
                parts.uri = stripped.clone();
                put_segment(parts, prefix, value.expose())
            }
            Self::Query(pairs) => {
                parts.uri = stripped.clone();
                append_query(parts, pairs.expose())
            }
            Self::Signed(_) | Self::Unfit => false,
        }
    }
}

/// How many bytes a byte becomes at most by percent-encoding.
const MAX_ENCODED: usize = 3;

/// A text that is wiped. What outgrew its size would leave a copy behind.
fn buffer(size: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(size))
}

fn secret(mut text: Zeroizing<String>) -> Secret<String> {
    std::mem::take(&mut *text).into()
}

fn text_of<'a>(piece: &'a Piece, fields: Fields<'a>) -> &'a str {
    match piece {
        Piece::Credential => fields.credential.expose(),
        Piece::Field(name) => fields.named(name).map_or("", |value| value.expose()),
        Piece::Text(fixed) => fixed,
        _ => "",
    }
}

/// The text of a template, in a form that is kept.
pub(crate) fn text(template: &Template, fields: Fields<'_>) -> Secret<String> {
    secret(fill(template, fields))
}

/// The text of a template.
fn fill(template: &Template, fields: Fields<'_>) -> Zeroizing<String> {
    let pieces = template.pieces();
    let mut text = buffer(
        pieces
            .iter()
            .map(|piece| text_of(piece, fields).len())
            .sum(),
    );
    for piece in pieces {
        text.push_str(text_of(piece, fields));
    }
    text
}

/// What has to be encoded in a segment (`pchar`, RFC 3986 §3.3).
const NOT_OF_A_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

fn named(name: &str, value: String) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    header(name, value)
}

fn header(name: HeaderName, value: String) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value)).ok()?;
    value.set_sensitive(true); // kept out of HPACK's table and of every `Debug`
    Some(vec![(name, value)])
}

fn append_query(parts: &mut Parts, pairs: &str) -> bool {
    let separator = if parts.uri.query().is_some() {
        '&'
    } else {
        '?'
    };
    let target = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = format!("{target}{separator}{pairs}");
    set_target(parts, target)
}

/// Replaces what stands between the prefix and the next slash.
fn put_segment(parts: &mut Parts, prefix: &str, value: &str) -> bool {
    let target = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let Some(rest) = target.strip_prefix(prefix) else {
        return false;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let target = format!("{prefix}{value}{}", &rest[end..]);
    set_target(parts, target)
}

/// Replaces the request's target; `false` if the new one is not valid.
pub(crate) fn set_target(parts: &mut Parts, target: String) -> bool {
    let Ok(target) = PathAndQuery::try_from(target) else {
        return false;
    };
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(target);
    match Uri::from_parts(uri) {
        Ok(uri) => {
            parts.uri = uri;
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn apply(parts: &mut Parts, shape: &Shape) -> bool {
        let fields = [("user".to_owned(), Secret::new("ada@acme".to_owned()))];
        let credential = Secret::new("to/ken".to_owned());
        let ready = Ready::new(
            Fields {
                credential: &credential,
                others: &fields,
            },
            shape,
        );
        let stripped = parts.uri.clone();
        // When a request is sent again, it must not have the credential twice.
        ready.put(parts, &stripped) && ready.put(parts, &stripped)
    }

    /// What a definition of three fields makes of that rule.
    fn shape(rule: &str) -> Shape {
        let definition = format!(
            r#"{{"name":"a","auth_type":"api_key","api_url":"a.test","inject":[{rule}],
            "fields":[{{"name":"token"}},{{"name":"user","secret":false}}]}}"#
        );
        let source = authsome_providers::Source::Bundled;
        let definition = authsome_providers::Definition::parse(&definition, source).unwrap();
        let rules = definition.provider.at(None).unwrap().rules;
        rules.shapes()[0].clone()
    }

    #[test]
    fn each_shape_is_as_the_service_wants_it() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (rule, name, value) in [
            (r#""as":"bearer""#, "authorization", "Bearer to/ken"),
            (
                r#""as":"bearer","field":"user""#,
                "authorization",
                "Bearer ada@acme",
            ),
            (r#""as":"header","name":"X-Key""#, "x-key", "to/ken"),
            (
                r#""as":"header","name":"authorization","prefix":"Token""#,
                "authorization",
                "Token to/ken",
            ),
            (
                r#""as":"headers","values":{"x-a":"{token}","x-u":"u={user}"}"#,
                "x-u",
                "u=ada@acme",
            ),
            (
                r#""as":"basic","username":"oauth2""#,
                "authorization",
                &basic("oauth2:to/ken"),
            ),
            (
                r#""as":"basic","username":"{token}","password":"""#,
                "authorization",
                &basic("to/ken:"),
            ),
            (
                r#""as":"basic","username":"{user}/token""#,
                "authorization",
                &basic("ada@acme/token:to/ken"),
            ),
        ] {
            let mut parts = parts("/g/p?a=b", &[]);
            let rule = format!(r#"{{"path":"/**",{rule}}}"#);
            assert!(apply(&mut parts, &shape(&rule)), "{rule}");
            assert_eq!(parts.headers[name], value, "{rule}");
            assert!(parts.headers[name].is_sensitive());
            assert!(!format!("{:?}", parts.headers).contains("to/ken"));
            assert_eq!(parts.uri, "/g/p?a=b");
        }
    }

    #[test]
    fn a_credential_in_the_target_is_encoded() {
        let query = r#"{"path":"/**","as":"query","name":"key"}"#;
        let two = r#"{"path":"/**","as":"query","values":{"k":"{token}","u":"{user}"}}"#;
        let path = r#"{"path":"/**","as":"path","prefix":"/bot"}"#;
        for (rule, before, after) in [
            (query, "/u", "/u?key=to%2Fken"),
            (query, "/u?a=b", "/u?a=b&key=to%2Fken"),
            (query, "https://h/u", "https://h/u?key=to%2Fken"),
            (two, "/u", "/u?k=to%2Fken&u=ada%40acme"),
            (path, "/botX:Y/send?a=b", "/botto%2Fken/send?a=b"),
            (path, "/bot/send", "/botto%2Fken/send"),
            (path, "/botX", "/botto%2Fken"),
        ] {
            let mut parts = parts(before, &[]);
            assert!(apply(&mut parts, &shape(rule)), "{rule}");
            assert_eq!(parts.uri.to_string(), after);
        }
        let mut elsewhere = parts("/other/send", &[]);
        assert!(!apply(&mut elsewhere, &shape(path)));
    }

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }
}
