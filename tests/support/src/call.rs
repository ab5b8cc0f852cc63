//! One request, read as far as every endpoint needs it.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, Method};

use crate::credential::Arrived;
use crate::shared::Shared;

/// A request's head, and what was found in it. The body travels beside it.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) parts: Parts,
    /// The path below the relative root, still encoded.
    pub(crate) path: String,
    pub(crate) credential: Arrived,
    /// The form of a POST to an OAuth endpoint.
    pub(crate) form: Vec<(String, String)>,
    /// Ordered by `Fault::NoRefreshToken`: a refresh leaves the refresh token as it is.
    pub(crate) keep_refresh: bool,
}

impl Call {
    /// The method, HEAD read as GET: hyper drops the body.
    pub(crate) fn method(&self) -> Method {
        if self.parts.method == Method::HEAD {
            return Method::GET;
        }
        self.parts.method.clone()
    }

    /// The raw query, empty where there is none.
    pub(crate) fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// A query parameter, decoded.
    pub(crate) fn parameter(&self, wanted: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query().as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    }

    /// A numeric query parameter.
    pub(crate) fn number(&self, wanted: &str) -> Option<u64> {
        self.parameter(wanted)?.parse().ok()
    }

    /// The first value of a header, where it is text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// A field of the form, where it is not blank.
    pub(crate) fn field(&self, wanted: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}
