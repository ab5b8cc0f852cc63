//! What a guard rule looks for in a request beside its method and path.

use std::fmt;

/// Names of what a request sends. One of them is enough for its rule to deny the request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SentNames {
    /// Header fields, in lower case.
    pub headers: Vec<String>,
    /// Parameters of the query string.
    pub query: Vec<String>,
    /// Fields of a form and members of a JSON object, at its top.
    pub body: Vec<String>,
}

impl fmt::Display for SentNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, names) in [
            ("header", &self.headers),
            ("query", &self.query),
            ("body", &self.body),
        ] {
            if !names.is_empty() {
                write!(formatter, "{separator}{kind} {}", names.join(", "))?;
                separator = "; ";
            }
        }
        Ok(())
    }
}
