//! Which documents a request carries, in its query string and in its body.

use http::header::UPGRADE;
use http::{HeaderMap, Method};

use super::content_type::{Form, form};
use super::form::Parameters;
use super::utf8::utf8;
use super::verdict::Unreadable;
use super::{json, multipart};
use crate::proxy::limits::MAX_GRAPHQL_BODY;

/// A request to a GraphQL endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphqlRequest<'a> {
    /// The method that is sent.
    pub(crate) method: &'a Method,
    /// The query string, without its question mark.
    pub(crate) query: Option<&'a str>,
    /// The head's fields.
    pub(crate) headers: &'a HeaderMap,
    /// The whole body.
    pub(crate) body: &'a [u8],
}

impl GraphqlRequest<'_> {
    /// The documents that a server may run, whether it looks for them in the query string or in the
    /// body. None at all are fine only where there is nothing to run: a GET of the bare path.
    pub(super) fn documents(&self) -> Result<Vec<String>, Unreadable> {
        if self.headers.contains_key(UPGRADE) {
            return Err(Unreadable::WebSocket);
        }
        if self.body.len() > MAX_GRAPHQL_BODY {
            return Err(Unreadable::TooLarge);
        }
        let query = self.query.unwrap_or_default();
        let mut documents = Parameters::parse(query)?.documents()?;
        let body = self.body.trim_ascii();
        documents.extend(match form(self.headers)? {
            _ if body.is_empty() => Vec::new(),
            Form::Json => json::documents(utf8(self.body)?)?,
            Form::Document => vec![utf8(self.body)?.to_owned()],
            Form::UrlEncoded => url_encoded(utf8(self.body)?)?,
            Form::Multipart(boundary) => multipart::documents(self.body, &boundary)?,
            Form::Unnamed if looks_like_json(body) => json::documents(utf8(self.body)?)?,
            Form::Unnamed => return Err(Unreadable::Unsupported("content type")),
        });
        let may_be_bare = *self.method == Method::GET || *self.method == Method::HEAD;
        if documents.is_empty() && !(may_be_bare && query.is_empty() && body.is_empty()) {
            return Err(Unreadable::NoDocument);
        }
        Ok(documents)
    }
}

/// A form, or JSON under that name. A server that takes the name at its word must find nothing in
/// what is JSON for others.
fn url_encoded(body: &str) -> Result<Vec<String>, Unreadable> {
    if !looks_like_json(body.trim_ascii().as_bytes()) {
        return Parameters::parse(body.trim_ascii_end())?.documents();
    }
    if Parameters::names(body)
        .skip(1)
        .any(|name| super::form::has_meaning(&name))
    {
        return Err(Unreadable::Ambiguous("its body is JSON and a form"));
    }
    json::documents(body)
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.first(), Some(b'{' | b'['))
}
