//! Parses `addresses`, and the addresses that older definitions have in `export`.

use super::export::{self, ExportedAddress, variable};
use crate::base_url::BaseUrl;
use crate::error::DefinitionError;
use crate::provider::{Address, ApiUrl};
use crate::reader::{Fields, text_at};

/// The variables for the address of an instance, from both places. `base_url` and `api_urls` are
/// those of the definition, and `names` the credential's fields.
pub(super) fn addresses(
    fields: &mut Fields<'_>,
    base_url: Option<&BaseUrl>,
    api_urls: &[ApiUrl],
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<Address>, DefinitionError> {
    let mut addresses = declared(fields)?;
    for entry in export::entries(fields)? {
        let Some(wanted) = entry.address(names) else {
            continue;
        };
        let variable =
            variable(entry.name).map_err(|reason| DefinitionError::field(&entry.path, reason))?;
        if addresses.iter().any(|known| known.variable == variable) {
            continue;
        }
        match path(&wanted, api_urls) {
            Ok(path) => {
                // The older program sets the variable at each address.
                if let Some(base_url) = base_url {
                    warnings.push(format!(
                        "`{}` is set only at another address than {base_url}, as in `addresses`; to set it always, write `\"environment\": {{\"{variable}\": \"{base_url}{path}\"}}`",
                        entry.path
                    ));
                }
                addresses.push(Address { variable, path });
            }
            Err(url) => warnings.push(format!(
                "`{}` is not set: write `\"environment\": {{\"{variable}\": \"{url}\"}}`, or a path of the instance in `addresses`",
                entry.path
            )),
        }
    }
    Ok(addresses)
}

/// The path below the base URL, or the address that does not move with it.
fn path(wanted: &ExportedAddress, api_urls: &[ApiUrl]) -> Result<String, String> {
    match (wanted, api_urls.first()) {
        (ExportedAddress::Instance, _) | (_, None) => Ok(String::new()),
        (_, Some(ApiUrl::OnInstance(path))) => Ok(path.clone()),
        (_, Some(ApiUrl::Below(url))) => Err(url.to_string()),
        (_, Some(ApiUrl::Hosts(_))) => Err("https://HOST".to_owned()),
    }
}

/// `{"VARIABLE": "/path"}`, where the path is relative to the base URL.
fn declared(fields: &mut Fields<'_>) -> Result<Vec<Address>, DefinitionError> {
    let Some(entries) = fields.object("addresses")? else {
        return Ok(Vec::new());
    };
    let mut addresses = Vec::new();
    for (name, value) in entries.given() {
        let path = entries.path_of(name);
        let variable = variable(name).map_err(|reason| DefinitionError::field(&path, reason))?;
        let below = text_at(path.clone(), value)?.text;
        if !(below.is_empty() || below.starts_with('/')) {
            return Err(DefinitionError::field(
                path,
                "it is a path below the base URL, and starts with `/`",
            ));
        }
        addresses.push(Address {
            variable,
            path: below.to_owned(),
        });
    }
    Ok(addresses)
}
