//! Parses `mints`: what the secrets look like that the service makes.

use crate::error::DefinitionError;
use crate::json::Json;
use crate::provider::Auth;
use crate::reader::{Fields, text_at};
use crate::secret_shape::{SecretShape, Then};

/// `mints`: a list of shapes, each as a text or as `{"shape": …, "then": …}`. No
/// placeholder of the credential may look like a secret.
pub(super) fn mints(
    fields: &mut Fields<'_>,
    (placeholder, auth): (&str, &Auth),
    warnings: &mut Vec<String>,
) -> Result<Vec<SecretShape>, DefinitionError> {
    let mut shapes = Vec::new();
    for (path, value) in fields.items("mints")? {
        let (text, then) = match value {
            Json::Object(_) => {
                let mut entry = Fields::of(path, value)?;
                let shape = entry.required("shape")?;
                let then = then(&mut entry)?;
                entry.warn_of_unknown(warnings);
                (shape, then)
            }
            _ => (text_at(path, value)?, Then::Replace),
        };
        let shape: SecretShape = text.parse()?;
        let parts = match auth {
            Auth::ApiKey(key) => key.fields.as_slice(),
            Auth::OAuth2(_) => &[],
        };
        let others = parts.iter().map(|part| part.placeholder.as_str());
        let shape = shape.then(then, others.chain([placeholder]));
        shapes.push(shape.map_err(|reason| DefinitionError::field(&text.path, reason))?);
    }
    Ok(shapes)
}

/// What becomes of a secret: `replace`, or `refuse`.
fn then(entry: &mut Fields<'_>) -> Result<Then, DefinitionError> {
    match entry.text("then")? {
        None => Ok(Then::Replace),
        Some(text) if text.text == "replace" => Ok(Then::Replace),
        Some(text) if text.text == "refuse" => Ok(Then::Refuse),
        Some(text) => Err(DefinitionError::field(
            text.path,
            "it must be one of replace, refuse",
        )),
    }
}
