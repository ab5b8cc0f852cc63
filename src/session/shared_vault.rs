//! Which vault that machines share the user names.

use super::error::SessionError;
use super::parent::Parent;
use super::settings::Settings;
use crate::env::env_vars::VAULT;
use crate::vault::VaultError;

/// The address of a vault that machines share, if the parent's variable or the settings name one.
pub(super) fn address(
    settings: &Settings,
    parent: &Parent,
) -> Result<Option<String>, SessionError> {
    let Some(address) = parent.filled(VAULT) else {
        return Ok(settings.vault().map(str::to_owned));
    };
    let reason = || VaultError::Address("it is not UTF-8".to_owned());
    let address = address.to_str().ok_or_else(reason)?;
    Ok(Some(address.to_owned()))
}
