//! Parses `client`: where the user's own OAuth application is.

use super::export::variable;
use crate::error::DefinitionError;
use crate::reader::Fields;

/// The variables that may hold the application's id and secret.
pub(super) fn variables(
    client: Option<Fields<'_>>,
    warnings: &mut Vec<String>,
) -> Result<(Option<String>, Option<String>), DefinitionError> {
    let Some(mut client) = client else {
        return Ok((None, None));
    };
    let id = named(&mut client, ["client_id_env", "client_id"], ID, warnings)?;
    let secret = ["client_secret_env", "client_secret"];
    let secret = named(&mut client, secret, SECRET, warnings)?;
    client.warn_of_unknown(warnings);
    Ok((id, secret))
}

/// The variable that the first of the two fields names, or else the second, which older definitions
/// have. The second may hold the value itself: an application is the user's own, so it is not read
/// from a file that is given to others, and no warning repeats it.
fn named(
    client: &mut Fields<'_>,
    [name, older]: [&'static str; 2],
    instead: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, DefinitionError> {
    let named = client.text(name)?;
    let named = named.map(|text| text.check(variable)).transpose()?;
    let Some(text) = client.text(older)? else {
        return Ok(named);
    };
    let Some(of_older) = text.text.strip_prefix("env:") else {
        warnings.push(format!("`{}` has no effect: {instead}", text.path));
        return Ok(named);
    };
    let of_older =
        variable(of_older).map_err(|reason| DefinitionError::field(text.path, reason))?;
    Ok(named.or(Some(of_older)))
}

const ID: &str = "log in with --client-id, or name a variable in `client_id_env`";
const SECRET: &str = "log in with --client-secret-file, or name a variable in `client_secret_env`";
