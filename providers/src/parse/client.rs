//! Parses `client`: where the user's own OAuth application is.

use super::export::variable;
use crate::error::DefinitionError;
use crate::reader::Fields;

/// `client`: variables that may hold the application's id and secret.
pub(super) fn variables(
    client: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<(Option<String>, Option<String>), DefinitionError> {
    let Some(mut client) = client else {
        return Ok((None, None));
    };
    let mut named = |name| {
        client
            .text(name)?
            .map(|text| text.check(variable))
            .transpose()
    };
    let variables = (named("client_id_env")?, named("client_secret_env")?);
    client.warn_of_unknown(warnings);
    Ok(variables)
}
