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
        let mut headers: Vec<&str> = vec!["authorization"];
        for shape in shapes {
            match shape {
                Shape::Basic { .. } | Shape::Bearer | Shape::Path { .. } => {}
                Shape::Header { name, .. } => headers.push(name),
                Shape::Headers { values } => headers.extend(values.iter().map(|(name, _)| &**name)),
                Shape::Query { values } => {
                    let names = values.iter().map(|(name, _)| name.clone());
                    let new: Vec<_> = names.filter(|name| !all.query.contains(name)).collect();
                    all.query.extend(new);
                }
                Shape::SigV4 => headers.push("x-amz-security-token"),
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
