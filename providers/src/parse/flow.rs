//! Parses `flow`.

use crate::error::DefinitionError;
use crate::provider::Auth;
use crate::reader::Fields;
use crate::words::Flow;

/// How to log in, unless the user says otherwise.
pub(super) fn flow(fields: &mut Fields<'_>, auth: &Auth) -> Result<Flow, DefinitionError> {
    let usual = match auth {
        Auth::ApiKey(_) => Flow::ApiKey,
        Auth::OAuth2(_) => Flow::Pkce,
    };
    let flow = fields.parsed("flow")?.unwrap_or(usual);
    if (flow == Flow::ApiKey) != (usual == Flow::ApiKey) {
        return Err(DefinitionError::field(
            "flow",
            "it does not go with `auth_type`",
        ));
    }
    // The other flows have no use for it.
    if let Auth::OAuth2(oauth) = auth
        && matches!(flow, Flow::Pkce | Flow::DcrPkce)
        && oauth.authorization.is_none()
        && !oauth.discover
    {
        return Err(DefinitionError::field(
            "oauth.authorization_url",
            "it is missing",
        ));
    }
    Ok(flow)
}
