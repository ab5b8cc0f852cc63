//! Methods of a request beside the one of its first line.
//!
//! Some servers take another method from a header, or from the query or form of a `POST` (Rails
//! and what is built on Rack: GitLab; several of Google's APIs). A rule about methods holds for
//! each that the server might take, so that none is bypassed by another spelling of it.

use crate::defence::Defence;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use memchr::memchr2;

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
        if let Some(query) = parts.uri.query().filter(|query| may_name_a_method(query))
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

/// Whether a query may have [`PARAMETER`], any letter of which may be percent-encoded. Most queries
/// have neither a percent sign nor an `m`.
fn may_name_a_method(query: &str) -> bool {
    let is_near = || query.contains('%') || query.contains("method");
    memchr2(b'm', b'%', query.as_bytes()).is_some() && is_near()
}

/// As lenient as the most lenient server: blanks before the name and brackets around it are left
/// out, and a semicolon separates parameters, too.
fn from_query(query: &str) -> impl Iterator<Item = String> {
    let pairs = query.split(['&', ';']);
    let pairs = pairs.flat_map(|pair| url::form_urlencoded::parse(pair.as_bytes()));
    let is_named = |name: &str| {
        let name = name.trim_start_matches(['[', ']', ' ']);
        name.trim_end_matches(']') == PARAMETER
    };
    pairs
        .filter(move |(name, _)| is_named(name))
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
        for query in [
            "%5Fmethod=put",
            "_%6Dethod=put",
            "_metho%64=pu%74",
            "a=b;_method=put",
            "[_method]=put",
            "a=b&+_method=put",
        ] {
            let uri = format!("/x?{query}");
            assert_eq!(methods("POST", &uri, &[]), ["POST", "PUT"], "{query}");
        }
        let fields = [
            ("X-HTTP-Method-Override", "patch"),
            ("x-http-method", " PUT "),
        ];
        assert_eq!(methods("POST", "/x", &fields), ["POST", "PATCH", "PUT"]);
    }
}
