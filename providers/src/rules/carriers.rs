//! The parts of a request that can carry a credential.

use crate::shape::Shape;

/// The parts of a request that can carry a credential to a service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carriers {
    /// Field names in lower case; `authorization` is always included.
    pub headers: Vec<String>,
    /// Names of query parameters.
    pub query: Vec<String>,
    /// Names of form fields (`application/x-www-form-urlencoded`, `multipart/form-data`).
    pub form: Vec<String>,
    /// Names of members of a JSON object.
    pub json: Vec<String>,
}

impl Carriers {
    /// Adds `authorization` and the carriers of the shapes themselves, because a placeholder must
    /// not stay in them.
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
