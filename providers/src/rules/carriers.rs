//! What of a request can carry a credential.

use crate::shape::Shape;

/// What of a request can carry a credential to a service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carriers {
    /// Header names in lower case; `authorization` is always among them.
    pub headers: Vec<String>,
    /// Names of query parameters.
    pub query: Vec<String>,
    /// Names of fields of a form (`application/x-www-form-urlencoded`, `multipart/form-data`).
    pub form: Vec<String>,
    /// Names of fields of a JSON object.
    pub json: Vec<String>,
}

impl Carriers {
    /// With `authorization` and what the shapes themselves use: a placeholder must not stay there.
    pub(super) fn including(&self, shapes: &[Shape]) -> Self {
        let mut all = self.clone();
        let mut headers = vec!["authorization"];
        for shape in shapes {
            match shape {
                Shape::Basic { .. } | Shape::Bearer => {}
                Shape::Header { name, .. } => headers.push(name),
                Shape::Query { name } if all.query.contains(name) => {}
                Shape::Query { name } => all.query.push(name.clone()),
            }
        }
        for name in headers {
            if !all.headers.iter().any(|known| known == name) {
                all.headers.push(name.to_owned());
            }
        }
        all
    }
}
