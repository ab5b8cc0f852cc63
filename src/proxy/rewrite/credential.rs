//! Adds the credential. Every other carrier is removed first, so that exactly one credential
//! arrives.

use authsome_providers::Shape;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::carriers::set_target;
use crate::credential::Credential;

/// A credential in the form in which one shape sends it; made once for each token.
#[derive(Clone, Debug)]
pub(in crate::proxy) enum Ready {
    /// A header and its value, marked sensitive.
    Header(HeaderName, HeaderValue),
    /// A query parameter and its encoded value.
    Query(String, crate::secret::Secret<String>),
    /// The token does not fit the shape: it has characters that no field can carry.
    Unfit,
}

/// The forms of a credential, indexed like the shapes.
#[derive(Debug)]
pub(in crate::proxy) struct ReadyCredential {
    pub(in crate::proxy) generation: u64,
    pub(in crate::proxy) forms: Vec<Ready>,
}

impl ReadyCredential {
    pub(in crate::proxy) fn new(credential: &Credential, shapes: &[Shape]) -> Self {
        let forms = shapes
            .iter()
            .map(|shape| Ready::new(credential, shape))
            .collect();
        Self {
            generation: credential.generation,
            forms,
        }
    }
}

impl Ready {
    fn new(credential: &Credential, shape: &Shape) -> Self {
        let token = credential.token.expose();
        match shape {
            Shape::Basic { username } => {
                let plain = zeroize::Zeroizing::new(format!("{username}:{token}"));
                Self::header(
                    AUTHORIZATION,
                    format!("Basic {}", STANDARD.encode(plain.as_bytes())),
                )
            }
            Shape::Bearer => Self::header(AUTHORIZATION, format!("Bearer {token}")),
            Shape::Header { name, prefix } => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => Self::header(name, format!("{prefix}{token}")),
                Err(_) => Self::Unfit,
            },
            Shape::Query { name } => {
                let value = utf8_percent_encode(token, NON_ALPHANUMERIC).to_string();
                Self::Query(name.clone(), value.into())
            }
            _ => Self::Unfit,
        }
    }

    fn header(name: HeaderName, value: String) -> Self {
        match HeaderValue::from_maybe_shared(bytes::Bytes::from(value)) {
            Ok(mut value) => {
                value.set_sensitive(true); // kept out of HPACK's table and of every `Debug`
                Self::Header(name, value)
            }
            Err(_) => Self::Unfit,
        }
    }
}

/// Adds the credential to a request whose carriers are removed, and replaces one that was added
/// before. `stripped` is its target without any credential. `false` if it does not fit.
pub(in crate::proxy) fn put(parts: &mut Parts, stripped: &Uri, ready: &Ready) -> bool {
    match ready {
        Ready::Header(name, value) => {
            parts.headers.insert(name.clone(), value.clone());
            true
        }
        Ready::Query(name, value) => {
            parts.uri = stripped.clone();
            append_query(parts, name, value.expose())
        }
        Ready::Unfit => false,
    }
}

fn append_query(parts: &mut Parts, name: &str, value: &str) -> bool {
    let separator = if parts.uri.query().is_some() {
        '&'
    } else {
        '?'
    };
    let target = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = format!("{target}{separator}{name}={value}");
    set_target(parts, target)
}

#[cfg(test)]
mod tests {
    use authsome_providers::Carriers;
    use http::Request;

    use super::*;
    use crate::clock::Timestamp;
    use crate::proxy::rewrite::carriers::strip;
    use crate::secret::Secret;

    fn apply(parts: &mut Parts, carriers: &Carriers, ready: &Ready) -> bool {
        let headers = carriers.headers.iter().map(|name| name.parse().unwrap());
        strip(parts, &headers.collect::<Vec<_>>(), carriers);
        let stripped = parts.uri.clone();
        // When a request is sent again, it must not have the credential twice.
        put(parts, &stripped, ready) && put(parts, &stripped, ready)
    }

    fn carriers() -> Carriers {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Carriers {
            headers: names(&["authorization", "private-token", "job-token"]),
            query: names(&["private_token", "access_token"]),
            ..Carriers::default()
        }
    }

    fn ready(shape: Shape) -> Ready {
        let credential = Credential {
            token: Secret::new("to/ken".to_owned()),
            generation: 1,
            obtained_at: Timestamp::from_seconds(0),
            refresh_at: None,
            expires_at: None,
        };
        ReadyCredential::new(&credential, &[shape]).forms.remove(0)
    }

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn one_credential_arrives_whatever_was_sent() {
        let sent = [
            ("Authorization", "Bearer p"),
            ("authorization", "Basic cA=="),
            ("PRIVATE-TOKEN", "p"),
            ("Job-Token", "p"),
            ("x-other", "o"),
        ];
        let mut parts = parts("/api/v4/user", &sent);
        assert!(apply(&mut parts, &carriers(), &ready(Shape::Bearer)));
        assert_eq!(parts.headers.len(), 2);
        assert_eq!(parts.headers["authorization"], "Bearer to/ken");
        assert!(parts.headers["authorization"].is_sensitive());
        assert!(!format!("{:?}", parts.headers).contains("to/ken"));
    }

    #[test]
    fn basic_carries_the_token_as_password() {
        let mut parts = parts("/g/p.git/info/refs?service=git-upload-pack", &[]);
        apply(
            &mut parts,
            &carriers(),
            &ready(Shape::Basic {
                username: "oauth2".to_owned(),
            }),
        );
        assert_eq!(
            parts.headers["authorization"],
            format!("Basic {}", STANDARD.encode("oauth2:to/ken"))
        );
        assert_eq!(parts.uri, "/g/p.git/info/refs?service=git-upload-pack");
    }

    #[test]
    fn a_query_shape_appends_its_parameter_encoded() {
        for (before, after) in [
            ("/u", "/u?key=to%2Fken"),
            ("/u?a=b", "/u?a=b&key=to%2Fken"),
            ("https://h/u?private_token=x", "https://h/u?key=to%2Fken"),
        ] {
            let mut parts = parts(before, &[]);
            assert!(apply(
                &mut parts,
                &carriers(),
                &ready(Shape::Query {
                    name: "key".to_owned()
                })
            ));
            assert_eq!(parts.uri.to_string(), after);
        }
    }
}
