//! What the page's requests have in common: their fields, and errors in the words of the commands.

use serde_json::{Value, json};

use crate::cli::args::Target;
use crate::cli::failure::{Exit, Failure};

pub(super) fn as_error(failure: &Failure) -> Value {
    json!({ "error": failure.code, "message": failure.message, "hint": failure.hint })
}

/// The connection that a request names.
pub(super) fn target_of(request: &Value) -> Result<Target, Failure> {
    let named = [text(request, "provider"), text(request, "connection")];
    let named: Vec<_> = named.into_iter().flatten().collect();
    let target = named.join("/").parse::<Target>();
    target.map_err(|reason| {
        Failure::new(
            Exit::Usage,
            "usage",
            reason,
            "a provider, and a connection of it",
        )
    })
}

pub(super) fn text(request: &Value, field: &str) -> Option<String> {
    let text = request[field].as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
