//! Methods of a request beside the one of its first line.
//!
//! Some servers take another method from a header, or from the query or form of a `POST` (Rails
//! and what is built on Rack: GitLab; several of Google's APIs). A rule about methods holds for
//! each that the server might take, so that none is bypassed by another spelling of it.

use crate::defence::Defence;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

/// The fields by which a method is replaced.
const FIELDS: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// The name of a field of a form, or of a query, that replaces the method.
pub(in crate::proxy) const PARAMETER: &str = "_method";

/// The methods that a server takes from the body of a `POST` (those of Rack's `MethodOverride`).
pub(super) const IN_BODY: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The methods that a server might take a request to have.
#[derive(Debug)]
pub(in crate::proxy) struct Methods<'a> {
    own: &'a Method,
    others: Vec<String>,
}

impl<'a> Methods<'a> {
    /// Those of a request. `is_overridden` says whether one of [`FIELDS`] is there, which the pass
    /// over all fields has found out (`rewrite/hop_by_hop.rs`).
    pub(in crate::proxy) fn of(parts: &'a Parts, is_overridden: bool) -> Self {
        let mut others = Vec::new(); // does not allocate
        if is_overridden && Defence::MethodOverride.stands() {
            others.extend(from_fields(&parts.headers));
        }
        if let Some(query) = parts.uri.query().filter(|query| query.contains("method"))
            && Defence::MethodOverride.stands()
        {
            others.extend(from_query(query));
        }
        Self {
            own: &parts.method,
            others,
        }
    }

    /// The same, with one more.
    pub(super) fn with(&self, other: &Method) -> Self {
        let mut others = self.others.clone();
        others.push(other.to_string());
        Self {
            own: self.own,
            others,
        }
    }

    /// All of them.
    pub(in crate::proxy) fn iter(&self) -> impl Iterator<Item = &str> {
        let others = self.others.iter().map(String::as_str);
        std::iter::once(self.own.as_str()).chain(others)
    }

    /// The method of the first line.
    pub(in crate::proxy) fn own(&self) -> &str {
        self.own.as_str()
    }

    /// The same.
    pub(in crate::proxy) fn method(&self) -> &Method {
        self.own
    }

    /// Whether there is only that.
    pub(in crate::proxy) fn is_plain(&self) -> bool {
        self.others.is_empty()
    }
}

fn from_fields(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = FIELDS.into_iter().flat_map(|name| headers.get_all(name));
    values.map(|value| {
        String::from_utf8_lossy(value.as_bytes())
            .trim()
            .to_ascii_uppercase()
    })
}

fn from_query(query: &str) -> impl Iterator<Item = String> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == PARAMETER)
        .map(|(_, value)| value.trim().to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::proxy::rewrite::hop_by_hop::HeaderFlags;

    fn methods(method: &str, uri: &str, fields: &[(&str, &str)]) -> Vec<String> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let is_overridden = HeaderFlags::of(&parts.headers).overrides_method;
        let methods = Methods::of(&parts, is_overridden);
        methods.iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_method_has_several_spellings() {
        assert_eq!(methods("GET", "/x?_methods=a&method=b", &[]), ["GET"]);
        assert_eq!(
            methods("POST", "/x?_method=delete", &[]),
            ["POST", "DELETE"]
        );
        assert_eq!(methods("POST", "/x?%5Fmethod=put", &[]), ["POST", "PUT"]);
        let fields = [
            ("X-HTTP-Method-Override", "patch"),
            ("x-http-method", " PUT "),
        ];
        assert_eq!(methods("POST", "/x", &fields), ["POST", "PATCH", "PUT"]);
    }
}
